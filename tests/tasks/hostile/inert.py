"""What folders of real models hold beside their weights: names as they are, contents of our own. None of it may be refused."""

from __future__ import annotations

import json

from tests.tasks.hostile import by_content, by_template

REALISTIC: dict[str, bytes] = {
    ".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n*.bin.* filter=lfs diff=lfs merge=lfs -text\n",
    ".gitignore": b"*.tmp\n",
    ".cache/huggingface/.gitignore": b"*",
    ".cache/huggingface/CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n",
    ".cache/huggingface/download/config.json.lock": b"",
    ".cache/huggingface/download/config.json.metadata": b"5" * 40 + b"\n" + b"6" * 40 + b"\n1732800000.123\n",
    "1_Pooling/config.json": b'{"word_embedding_dimension": 384, "pooling_mode_mean_tokens": true}',
    "2_Dense/config.json": b'{"in_features": 8, "activation_function": "torch.nn.modules.activation.Tanh"}',
    "CITATION.cff": b"cff-version: 1.2.0\nmessage: cite\ntitle: Tiny\nauthors:\n  - family-names: A\n",
    "LICENSE-MIT": b"words\n",
    "LICENSE.apache": b"words\n",
    "NOTICE": b"words\n",
    "NOTICE.txt": b"words\n",
    "README.md": b"---\nlicense: mit\ntags: [a, b]\nmodel-index:\n- name: x\n---\n# Tiny\n\n```python\nimport os\n```\n",
    "README_zh.md": "# 模型\n".encode(),
    "THIRD_PARTY_NOTICES.md": b"words\n",
    "USE_POLICY.md": b"# Policy\n",
    "added_tokens.json": b'{"<pad>": 0}',
    "all_results.json": b'{"eval_loss": 0.5, "train_runtime": 3.2}',
    "chat_template.jinja": by_template.GOOD.encode(),
    "config.json": json.dumps(
        {
            "architectures": ["TinyForCausalLM"],
            "_name_or_path": "a/b",
            "model_type": "tiny",
            "torch_dtype": "bfloat16",
            "rope_scaling": {"type": "yarn", "rope_type": "yarn"},
            "id2label": {"0": "LABEL_0"},
            "quantization_config": {"modules_to_not_convert": ["model.layers.0.self_attn"], "quant_method": "fp8"},
            "task_specific_params": {"summarization": {"prefix": "summarize: "}},
        }
    ).encode(),
    "config_sentence_transformers.json": b'{"__version__": {"sentence_transformers": "3.0.0"}, "prompts": {"query": "q: "}}',
    "configuration.json": b'{"framework": "pytorch", "task": "text-generation", "allow_remote": false}',
    "docs/figure.jpg": b"\xff\xd8\xff\xe0" + bytes(60),
    "figures/logo.gif": by_content.GIF,
    "figures/logo.png": by_content.PNG,
    "figures/logo.svg": by_content.SVG.encode(),
    "generation_config.json": b'{"eos_token_id": [1, 2], "temperature": 0.6, "transformers_version": "4.50.0"}',
    "hf_quant_config.json": b'{"producer": {"name": "modelopt"}, "quantization": {"exclude_modules": ["lm_head"]}}',
    "merges.txt": b"#version: 0.2\n\xc4\xa0 t\nimp ort\n",
    "mergekit_config.yml": b"slices:\n- sources:\n  - layer_range: [0, 32]\n"
    b"    model: a/b\nmerge_method: slerp\ndtype: bfloat16\n",
    "model.safetensors.index.json": b'{"metadata": {"total_size": 1}, "weight_map": {"a": "model.safetensors"}}',
    "model_index.json": b'{"_class_name": "P", "_diffusers_version": "0.30", '
    b'"unet": ["diffusers", "U"], "feature_extractor": [null, null]}',
    "modules.json": b'[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]',
    "original/params.json": b'{"dim": 4096, "n_layers": 32}',
    "original/tokenizer.model": b"IQ== 0\nIg== 1\n",
    "paper.pdf": by_content.PDF,
    "preprocessor_config.json": b'{"image_mean": [0.5], "image_processor_type": "TinyImageProcessor"}',
    "qwen.tiktoken": b"IQ== 0\nIg== 1",
    "recipe.yaml": b"default_stage:\n  default_modifiers:\n    QuantizationModifier:\n"
    b"      targets: [Linear]\n      ignore: [lm_head]\n",
    "sentence_bert_config.json": b'{"max_seq_length": 512, "do_lower_case": false}',
    "sentencepiece.bpe.model": b"\x0a\x03\x0a\x01a",
    "special_tokens_map.json": b'{"bos_token": {"content": "<s>", "lstrip": false}}',
    "spiece.model": b"\x0a\x03\x0a\x01a",
    "tekken.json": b'{"config": {"pattern": "a"}, "vocab": [{"rank": 0, "token_bytes": "AA=="}]}',
    "tokenizer.json": json.dumps(
        {
            "version": "1.0",
            "added_tokens": [{"id": 0, "content": "<s>"}],
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "a"}}]},
            "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}]},
            "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "vocab": {"{{": 1, "__init__": 2, "run": 3}, "merges": [["a", "b"]]},
        }
    ).encode(),
    "tokenizer_config.json": json.dumps(
        {
            "added_tokens_decoder": {"0": {"content": "<s>", "special": True}},
            "chat_template": by_template.GOOD,
            "tokenizer_class": "PreTrainedTokenizerFast",
        }
    ).encode(),
    "train_results.json": b'{"loss": 0.5}',
    "trainer_state.json": b'{"log_history": [{"loss": NaN, "step": 1}], "is_local_process_zero": true}',
    "vocab.bpe": b"can\nnot\nimp\n",
    "vocab.json": b'{"__init__": 0, "command": 1, "{%": 2}',
    "vocab.txt": b"[PAD]\ncos\nsystem\nthe\n",
    "whisper/normalizer.json": b'{"accessorise": "accessorize"}',
    "results/scores.csv": b"task,score\nmmlu,0.5\n",
    "model.sig": b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
    "tiny.cdx.json": b'{"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "x", "scripts": "y"}]}',
}
