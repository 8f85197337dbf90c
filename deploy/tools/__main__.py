"""python3 FOLDER compare|experiment ARGUMENTS: Python adds this folder to its search path, and so finds the package both
in the sources and when installed."""

from collab_ps.main import main

main()
