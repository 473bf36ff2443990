"""Checks exported graphs against the reference: ONNX with onnx's own checker and plain onnxruntime, IR with openvino.

usage: check_graphs.py TEXTS.json (FIXTURE_FOLDER MODEL.onnx|MODEL.xml)...

Prints one line per model and ends with status 1 if a model is wrong. Needs numpy, safetensors, tokenizers, and onnx and
onnxruntime or openvino; ends with status 77 if one of them is missing.
"""

import json
import sys
from pathlib import Path

try:
    import numpy as np

    if any(name.endswith(".onnx") for name in sys.argv):
        import onnx
        import onnxruntime
    if any(name.endswith(".xml") for name in sys.argv):
        import openvino
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

BATCH = 8


class OnnxGraph:
    def __init__(self, path):
        onnx.checker.check_model(str(path), full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = {value.name for value in self.session.get_inputs()}

    def run(self, output, feed):
        return self.session.run([output], feed)[0]


class OpenVinoGraph:
    def __init__(self, path):
        self.model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self.inputs = {value.any_name for value in self.model.inputs}

    def run(self, output, feed):
        return self.model(feed)[output]


class Model:
    def __init__(self, folder, graph):
        self.folder = folder
        self.expected = json.loads((folder / "expected.json").read_text())
        self.arrays = load_file(folder / "expected.safetensors")
        self.graph = OpenVinoGraph(graph) if graph.suffix == ".xml" else OnnxGraph(graph)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        config = json.loads((folder / "tokenizer_config.json").read_text())
        self.pad_id = self.tokenizer.token_to_id(config.get("pad_token") or "") or 0
        self.mask_id = self.tokenizer.token_to_id(config.get("mask_token") or "")
        self.left = config.get("padding_side") == "left"

    def encode(self, text, limit, pair=None):
        self.tokenizer.enable_truncation(limit, strategy="longest_first")
        encoding = self.tokenizer.encode(text, pair)
        return {"ids": encoding.ids, "types": encoding.type_ids, "mask": [1] * len(encoding.ids)}

    def run(self, output, texts):
        """The output for each text, all in batches of mixed lengths."""
        rows = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            length = max(len(text["ids"]) for text in batch)

            def padded(key, filler):
                fill = [[filler] * (length - len(text["ids"])) for text in batch]
                sides = [(f, t[key]) if self.left else (t[key], f) for f, t in zip(fill, batch)]
                return np.array([list(a) + list(b) for a, b in sides], np.int64)

            tensors = {
                "input_ids": padded("ids", self.pad_id),
                "attention_mask": padded("mask", 0),
                "token_type_ids": padded("types", 0),
            }
            feed = {name: tensor for name, tensor in tensors.items() if name in self.graph.inputs}
            rows.extend(self.graph.run(output, feed))
        return rows

    def check(self, texts):
        """The largest error, relative to what is allowed."""
        task = self.expected["task"]
        return getattr(self, "check_" + task.replace("-", "_"))(texts)

    def check_embed(self, texts):
        name = "embeddings" if self.expected.get("include_prompt", True) else "prompt.document"
        ids = self.expected["token_ids"]
        tokens = [{"ids": text, "types": [0] * len(text), "mask": [1] * len(text)} for text in ids]
        limit = 2e-5 if self.expected["normalize"] else 1e-4 * np.abs(self.arrays[name]).max()
        return self.error(self.run("sentence_embedding", tokens), self.arrays[name]) / limit

    def check_rerank(self, texts):
        limit = self.expected["max_length"]
        pairs = [self.encode(texts[a], limit, texts[b]) for a, b in self.expected["pairs"]]
        logits = self.arrays["logits"]
        return self.error(self.run("logits", pairs), logits) / (1e-4 * np.abs(logits).max())

    def check_sparse(self, texts):
        tokens = [self.encode(text, self.expected["max_seq_length"]) for text in texts]
        scores = self.arrays["embeddings"]
        return self.error(self.run("vocab_scores", tokens), scores) / (1e-4 * np.abs(scores).max())

    def check_multi_vector(self, texts):
        prompts, expansion = self.expected["prompts"], self.expected["query_expansion"]
        queries = [self.encode(prompts.get("query", "") + text, self.expected["query_length"]) for text in texts]
        for query in queries if expansion else []:
            missing = expansion["length"] - len(query["ids"])
            query["ids"] = query["ids"] + [self.mask_id] * missing
            query["types"] = query["types"] + [0] * missing
            query["mask"] = query["mask"] + [int(expansion["attend"])] * missing
        documents = [self.encode(prompts.get("document", "") + t, self.expected["document_length"]) for t in texts]
        skipped = set()
        if self.expected["skiplist"] == "punctuation":
            skipped = {self.tokenizer.token_to_id(mark) for mark in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"}
        error = 0.0
        for kind, tokens, skip in (("query", queries, set()), ("document", documents, skipped)):
            for idx, vectors in enumerate(self.run("last_hidden_state", tokens)):
                ids = tokens[idx]["ids"]
                vectors = vectors[len(vectors) - len(ids) :] if self.left else vectors[: len(ids)]
                kept = vectors[[id not in skip for id in ids]]
                error = max(error, self.error(kept, self.arrays[f"{kind}.{idx}"]))
        return error / 2e-5

    @staticmethod
    def error(found, expected):
        found = np.asarray(found)
        assert found.shape == expected.shape, f"{found.shape} instead of {expected.shape}"
        return float(np.abs(found - expected).max())


def main():
    texts = json.loads(Path(sys.argv[1]).read_text())
    models = sys.argv[2:]
    wrong = 0
    for folder, graph in zip(models[::2], models[1::2]):
        model = Model(Path(folder), Path(graph))
        error = model.check(texts)
        verdict = "ok" if error <= 1 else "WRONG"
        wrong += verdict != "ok"
        print(f"{model.folder.name}: {verdict}, error {error:.3f} of what is allowed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
