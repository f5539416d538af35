# Tests of the simulated chip's tests. The Makefile that includes this sets VENV and PY.

.PHONY: mutants
mutants: $(VENV)/.ready ## switch off the simulated chip's rules one by one: do its tests notice? (ARGS=-v)
	@$(PY) tests/chip/mutants.py $(ARGS)
