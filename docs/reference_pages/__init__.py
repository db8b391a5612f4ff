"""The pages of the reference, one module for each kind; :mod:`generate_reference` puts them into files."""
