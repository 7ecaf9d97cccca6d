# The same in Python, with the official client (pip install openai). Run it beside `npm start`: python examples/batch.py
import io
import json
import os
import time

from openai import OpenAI

port = os.environ.get("PORT", "8080")
client = OpenAI(base_url=os.environ.get("SLUICE_URL", f"http://127.0.0.1:{port}/v1"), api_key=os.environ.get("SLUICE_KEY", "any"))
model = os.environ.get("SLUICE_MODEL", "fast")
prompts = ["17 × 3?", "Capital of France?", "Name a prime above 100."]
lines = [
    json.dumps(
        {
            "custom_id": f"q-{i}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [{"role": "user", "content": prompt}]},
        }
    )
    for i, prompt in enumerate(prompts)
]

file = client.files.create(file=("prompts.jsonl", io.BytesIO("\n".join(lines).encode())), purpose="batch")
batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.5)
    batch = client.batches.retrieve(batch.id)
print(f"{batch.status}: {batch.request_counts.completed} answered, {batch.request_counts.failed} failed")
# What is wrong with the file itself, then what became of its lines.
for error in batch.errors.data if batch.errors else []:
    print(f"line {error.line}: {error.message}")
for file_id in (batch.output_file_id, batch.error_file_id):
    if file_id:
        print(client.files.content(file_id).text)
if batch.status != "completed" or batch.request_counts.failed:
    raise SystemExit(1)
