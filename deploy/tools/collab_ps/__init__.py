"""The commands of collab-ps that are written in Python.

    main.py         which command, and how it ends
    command_line.py what a command takes: a table that makes its parser and help, the manual and the completion
    files.py        whole files or none; errors in the program's words
    record/         reads runs: this program's folders, and csv histories of others
    compare/        groups of runs, differences and their intervals, the table, rules
    page/           the same as an HTML page and as a picture
    experiment/     trains what a file asks for and is missing, then compares
    experiments/    those that ship

Needs Python 3.11 and nothing else; the picture needs matplotlib.
"""
