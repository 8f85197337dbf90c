"""The commands of collab-ps that are written in Python.

    main.py         runs the command that was named; exit codes
    command_line.py option tables, from which parsers, help, the manual page and the completion are made
    listing.py      writes these tables as C for the manual page and the completion
    files.py        atomic writes, error messages, exit codes
    record/         reads run folders of this program, and csv histories of others
    compare/        groups of runs, differences and their intervals, the table, rules
    page/           a comparison as an HTML page and as a picture; the picture of lr-find
    experiment/     trains the missing runs of an experiment's file, then compares all of them
    experiments/    the experiments that ship
    movie_map/      draws the movies of a model by their factors

Needs Python 3.11 or later; pictures of compare and map also need matplotlib.
"""
