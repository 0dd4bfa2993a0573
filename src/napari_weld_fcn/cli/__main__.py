"""`python -m napari_weld_fcn.cli`, where the `weld-fcn` script is not on the path."""

from napari_weld_fcn.cli import main

main()
