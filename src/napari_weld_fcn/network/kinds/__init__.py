"""The networks: each file is one, named as its `kind`, and registers its class; another file adds another."""
