"""The prompts of arXiv 2505.10719, appendix F, and the words that answer them."""

from __future__ import annotations

SST2_WORDS = (" negative", " positive")
"""By label."""
MRPC_WORDS = (" no", " yes")
"""By label."""

_SST2_QUESTION = (
    "What is the sentiment in this review?"
    " The answer should be one word: either positive or negative.\n\n"
)
SST2_PROMPT = (
    f"{_SST2_QUESTION}Review: the movie was absolutely incredible.\n\nAnswer: positive\n\n"
    f"{_SST2_QUESTION}Review: this was a shameful waste of time.\n\nAnswer: negative\n\n"
    f"{_SST2_QUESTION}Review: {{sentence}}\n\nAnswer:"
)
MRPC_PROMPT = (
    "Determine whether the following two sentences are paraphrases (i.e., have the same meaning)."
    " Answer in one word: yes or no.\n\n"
    "Sentence 1: The company reported strong earnings this quarter.\n"
    "Sentence 2: The business announced impressive profits for the quarter.\n"
    "Answer: yes\n\n"
    "Sentence 1: I love to read science fiction novels.\n"
    "Sentence 2: I prefer watching documentaries over reading books.\n"
    "Answer: no\n\n"
    "Sentence 1: {sentence1}\n"
    "Sentence 2: {sentence2}\n"
    "Answer:"
)


def sst2_prompt(sentence: str) -> str:
    """The prompt around one review; GLUE's blank at the end of a sentence stays."""
    return SST2_PROMPT.format(sentence=sentence)


def mrpc_prompt(first: str, second: str) -> str:
    """The prompt around two sentences."""
    return MRPC_PROMPT.format(sentence1=first, sentence2=second)
