"""Loads artifacts by the names sentence-transformers gives them, and pools as it does, with plain onnxruntime.

usage: load_by_name.py TEXTS.json FIXTURE_FOLDER (FILE_NAME LEAST_COSINE)...

FILE_NAME is what `SentenceTransformer(FOLDER, backend="onnx", model_kwargs={"file_name": FILE_NAME})` takes. Its vectors
are made of `last_hidden_state`, whatever else a graph gives. Prints one line per file and ends with status 1 if one is
not found or less like the reference than it should be. Needs numpy, onnxruntime, safetensors and tokenizers; ends with
status 77 if one of them is missing.
"""

import json
import sys
from pathlib import Path

try:
    import numpy as np
    import onnxruntime
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def find(folder, file_name):
    """The file of this name, which may leave out the folder of its format, as Optimum looks for it."""
    candidates = [folder / file_name, folder / "onnx" / file_name]
    return next((path for path in candidates if path.is_file()), None)


def encode(folder, texts):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    expected = json.loads((folder / "expected.json").read_text())
    tokenizer.enable_truncation(expected["max_seq_length"])
    config = json.loads((folder / "tokenizer_config.json").read_text())
    pad_token = config["pad_token"]
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id(pad_token), pad_token=pad_token)
    encodings = tokenizer.encode_batch(texts)
    return {
        "input_ids": np.array([text.ids for text in encodings], np.int64),
        "attention_mask": np.array([text.attention_mask for text in encodings], np.int64),
        "token_type_ids": np.array([text.type_ids for text in encodings], np.int64),
    }


def embed(path, feed):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    wanted = {value.name for value in session.get_inputs()}
    tokens = session.run(["last_hidden_state"], {name: feed[name] for name in wanted})[0]
    mask = feed["attention_mask"][:, :, None]
    vectors = (tokens * mask).sum(axis=1) / mask.sum(axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main():
    texts, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    reference = load_file(folder / "expected.safetensors")["embeddings"]
    reference = reference / np.linalg.norm(reference, axis=1, keepdims=True)
    feed = encode(folder, texts)
    wrong = 0
    for file_name, least in zip(sys.argv[3::2], sys.argv[4::2]):
        path = find(folder, file_name)
        cosine = float((embed(path, feed) * reference).sum(axis=1).min()) if path else -1.0
        verdict = "ok" if cosine >= float(least) else "WRONG"
        wrong += verdict != "ok"
        print(f"{file_name}: {verdict}, {'not found' if path is None else f'cosine {cosine:.6f} at least'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
