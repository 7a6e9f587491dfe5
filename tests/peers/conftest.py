collect_ignore = ["numpyro_zoo.py", "pyro_zoo.py"]  # imported only where the packages are wanted
