"""The rules, one family a file, one class a rule. They look at facts and settings and do no I/O."""
