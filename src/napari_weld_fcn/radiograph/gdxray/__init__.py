"""GDXray, the public database of radiographs: its names, its series, its truth."""
