"""The language server of ``rinject lsp``: what editors ask about `.rasp` texts."""
