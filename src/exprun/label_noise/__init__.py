"""Find images whose label is probably wrong, by confident learning (Northcutt et al. 2021, arXiv:1911.00068)."""
