"""The command line: options, one call, rendering. Errors become exit codes here."""
