"""The files of a run directory."""

from pathlib import Path

MODEL_FILE = "model.safetensors"
"""The best weights so far, with scalings and recipe: the model."""
METRICS_FILE = "metrics.jsonl"
"""One JSON object per validation."""
EVALUATION_FILE, DIAGNOSIS_FILE = "evaluation.json", "diagnosis.json"
"""What was last evaluated and diagnosed."""
REPORT_FILE = "report.html"
"""All that is known of the run, as a page."""
SEEDS_FILE = "seeds.json"
"""What runs of several seeds measured, with mean and spread."""
CHECKPOINT = Path("checkpoint", "state.safetensors")
"""All that an exact resume needs."""
CALIBRATION = Path("calibration")
"""Folder of the scores of held-out rows: METHOD.safetensors for each method that new rows were scored by."""
