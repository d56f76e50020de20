# make demo   score the bundled CT: table in the terminal, pictures under out/
# make test   lint, types and all tests; installs what they need
# make lint   ruff and pyright
# make docs   the documentation as web pages under site/
# make experiments OPENKBP=DIR   the paper's experiments on head-and-neck patients: hours; run again, it goes on
# make result-files-page   docs/reference/result-files.md, from the table of columns
# make inputs-page   docs/reference/inputs.md, from the registries of readers, names, layouts and findings
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAMPLE := SegAE/Resources/SampleData/totalsegmentator_s0001
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test lint test-core test-mrml test-panel system-packages pictures screenshots bench experiments docs result-files-page inputs-page clean

demo: $(VENV)/demo.stamp
	$(BIN)/segae score $(SAMPLE)/ct.nii.gz $(SAMPLE)/segmentations --out out/demo

# Side by side, as two cores take half an hour for one after the other. Each shows its output when it ends.
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
test: lint
	@echo "All tests: half an hour on two cores. Each part of them prints when it ends, so nothing is seen for long."
	@$(MAKE) --no-print-directory --jobs=2 $(SYNC) test-core test-mrml test-panel

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/pyright

test-core: $(VENV)/test.stamp system-packages
	$(PYTEST) Testing --ignore=Testing/mrml --ignore=Testing/panel

# VTK draws off screen; without a usable GL library it would end the process, so a child process tries it first.
test-mrml test-panel: export VTK_DEFAULT_OPENGL_WINDOW = vtkOSOpenGLRenderWindow
test-panel: export QT_QPA_PLATFORM = offscreen

test-mrml: $(VENV)/test.stamp system-packages
	$(PYTEST) Testing/mrml

test-panel: $(VENV)/test.stamp system-packages
	$(PYTEST) Testing/panel

system-packages:
	@sh Testing/system-packages.sh

# The pictures of README.md, from the program itself.
pictures: $(VENV)/demo.stamp
	$(BIN)/segae score $(SAMPLE)/ct.nii.gz $(SAMPLE)/segmentations --out out/demo
	mkdir -p docs/pictures
	cp out/demo/worst_slices.png out/demo/strips.png docs/pictures/

# Screenshots of the panel and the slice views, from the test bed.
screenshots: $(VENV)/test.stamp system-packages
	$(BIN)/python Testing/panel/make_screenshots.py

bench: $(VENV)/test.stamp
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/memory.py

# Two cores take about two hours (computed). DIR: CTs and labels as benchmarks/openkbp.py describes them.
EXPERIMENT := $(BIN)/segae-train experiment
PATIENTS := out/openkbp --out out/experiments --labels out/openkbp/structures.csv
TESTED := --tested 24 --seed 1 --seed 2 --seed 3 --partly-drawn esophagus --partly-drawn "spinal cord"
LEARNING := --steps 300 --passes 5 --scorer-steps 400 200

experiments: $(VENV)/test.stamp
	@test -n "$(OPENKBP)" || { echo "Say where the patients are: make experiments OPENKBP=DIR"; exit 2; }
	$(BIN)/python benchmarks/openkbp.py "$(OPENKBP)" out/openkbp
	$(EXPERIMENT) cost $(PATIENTS)
	$(EXPERIMENT) active-learning $(PATIENTS) $(TESTED) $(LEARNING) --labelled 6 --budget 6 \
		--published-epochs 15 --published-size 96
	$(EXPERIMENT) semi-supervised $(PATIENTS) $(TESTED) $(LEARNING) --labelled 8

result-files-page: $(VENV)/demo.stamp
	$(BIN)/python Resources/write_result_files_page.py

inputs-page: $(VENV)/demo.stamp
	$(BIN)/python Resources/write_inputs_page.py

docs: $(VENV)/docs.stamp
	$(BIN)/mkdocs build --strict

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[cli]"
	touch $@

$(VENV)/test.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test,lint]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "monailabel>=0.8.5,<0.9"
	touch $@ $(VENV)/demo.stamp

$(VENV)/docs.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) out site build dist
