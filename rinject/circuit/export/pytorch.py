"""A compiled model as one file of plain PyTorch, which runs by itself."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from safetensors.torch import save_file

from rinject.circuit.export import standalone_pytorch
from rinject.circuit.export.description import FILE, card, describe, example, to_json
from rinject.circuit.export.readout import readout_of
from rinject.circuit.model import CompiledModel
from rinject.placing import placed

MODEL = "model.py"
WEIGHTS = "weights.safetensors"

USAGE = """`model.py` needs torch and safetensors only, and holds the whole model:

```sh
python model.py {words}
```

```python
from model import Model

model = Model()
model.run({tokens})
```
"""
STREAMS = (
    "`model.residuals(ids)[i]` [batch, 1 + tokens, width] is the stream at the embedding (i = 0)"
    " and after layer i; position 0 is BOS. `model.read(name, stream)` reads a variable."
)


def export_pytorch(model: CompiledModel, directory: str | Path, *, number: bool = False) -> None:
    """Write `model.py` with its weights; needs neither rinject nor transformers to run.

    With `number`, the one logit is the output as a number. Raises InputError where the directory
    holds anything else, or the output is to be a number and is none.
    """
    readout = readout_of(model, number=number)
    record = describe(model, readout)
    tensors = {name: t.contiguous() for name, t in model.transformer.named_tensors()}
    tensors |= {"readout.weight": readout.weight, "readout.bias": readout.bias}
    source = Path(standalone_pytorch.__file__).read_text(encoding="utf-8")
    tokens = example(record)
    usage = USAGE.format(words=" ".join(quote(str(token)) for token in tokens), tokens=tokens)
    with placed(directory, FILE) as new:
        save_file(tensors, new / WEIGHTS)
        (new / MODEL).write_text(source, encoding="utf-8")
        (new / FILE).write_text(to_json(record), encoding="utf-8")
        text = card(record, usage=usage, streams=STREAMS)
        (new / "README.md").write_text(text, encoding="utf-8")
