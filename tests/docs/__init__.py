"""What the documents say, tried: those beside README.md and every docs/*.md, new ones too.

How a block is taken goes by the language of its fence:

- `sh` or `bash`: commands of a shell, each of which must be known here; so is a block that is
  indented or names no language, if it begins with a command;
- `python`: run in a process with a small trained model, from top to bottom of the page; a page is
  complete, so that what a block uses is imported in it or in one above;
- any other language, such as `text` for what a command prints or `yaml`: read by nobody.

A value that stands for something of the reader's (`outputs/…`, `<that run>`) is replaced by a small
stand-in, and a word `…` by nothing.
"""
