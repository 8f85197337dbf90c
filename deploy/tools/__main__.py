"""python3 FOLDER compare|experiment ARGUMENTS: Python puts this folder in its search path, and so finds the package
in it, in the sources as where it is installed."""

from collab_ps.main import main

main()
