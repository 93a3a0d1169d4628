"""Makes the numbers of tests/golden/tokens: small tokenizers and what Hugging Face's `tokenizers` (Rust) does with
tricky texts.  Development only:  python make_tokens.py   (pip install tokenizers==0.23.3)

Writes  NAME.tokenizer.json   the tokenizer
        NAME.expected.json    [{text, ids, offsets}] for TEXTS, offsets as Python gives them (code points, end exclusive)
        fixture.expected.json the tiny language model's tokenizer over every 60th document of its corpus:
                              [{id, ids, starts, ends}] (ids in hex, deltas for starts and ends would save little)
        versions.json

`offsets` are Python's as they are; `covering` are the ones expected of us.  No post-processor is set, so Python trims
nothing, and the two differ in one thing: where a normaliser rewrites several characters together (composes, reorders,
replaces), Python gives a token one of them (the first; the last of a replaced run), we give it all of them.  `covering`
is made from Python's offsets by widening each token that touches such a group, found with Python's unicodedata, to it.
"""
import gzip
import json
import pathlib
import platform
import re
import unicodedata

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
FIXTURE = HERE.parent.parent / "fixtures" / "tiny-lm"
CORPUS = [json.loads(line) for line in gzip.open(FIXTURE / "corpus.jsonl.gz", "rt")]

TEXTS = [
    "",
    " ",
    "a",
    "In the beginning God created the heaven and the earth.",
    "  two spaces,   three,\ttab\n\nnewlines \n ",
    "it's we'll they've I'D don't 'quoted' o'clock",
    "naïve café façade coöperate Ångström",  # composed
    "nai\u0308ve cafe\u0301 fac\u0327ade coo\u0308perate A\u030angstro\u0308m",  # decomposed
    "e\u0301\u0323 and e\u0323\u0301: two marks in either order; \u0301 mark after a space; a\u0301\u0301\u0301",
    "emoji 😀😃 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ❤️ end",
    "😀",
    "𝒜𝓁𝓅𝒽𝒶 𝔘𝔫𝔦 𐍈 𠀀𠀁 beyond the basic plane",
    "中文字符和日本語のテキスト、カタカナとひらがな。漢字",
    "ﾊﾝｶｸ ｶﾞｷﾞ half width kana ＦＵＬＬ ﬁ ﬂ ½ ² ℌ Ⅷ",
    "한국어 텍스트 \u1112\u1161\u11ab\u1100\u116e\u11a8 각",  # composed and conjoining Hangul
    "العربية نص من اليمين إلى اليسار، עברית עם נִקּוּד",
    "हिन्दी देवनागरी क्षत्रिय தமிழ் ไทย ភាសាខ្មែរ",
    "Ελληνικά ΟΔΥΣΣΕΥΣ ς Σ, Русский Ёж, İstanbul ıI ǅ ẞß",
    "zero\u200bwidth\u200djoiner\u200cnon\u2060word\ufeffbom",
    "control\u0001\u0002\u001b\u007f\u0085next\u00a0nbsp\u3000ideographic\u2028line\u2029para",
    "\u0000nul\ufffdreplacement\ufffe",
    "long" + " " * 40 + "gap" + "\n" * 20 + "end" + "\t" * 9,
    "x" * 150 + " " + "ab" * 80,
    "1234567890 12,345.67 ٣٤٥ Ⅻ ①② 3½",
    "http://example.org/a_b?c=d&e=f#g $100 50% C++ -> {}[]<>|\\^~`@",
    "under_score camelCase hyphen-ated em—dash “quotes” ‘single’ …",
    "<|endoftext|>",
    "before<|endoftext|>after <|endoftext|> again",
    "a <mask> b<mask>c  <mask>  d",
    "one wordword  word swordfish word.",
    "▁ the mark itself ▁▁word a▁b",
    "<0x41> spelt like a byte token ## hashes ##ing",
    "a\r\nb\rc",
    "🙂e\u0301🙂\u0301中\u0301",
    "  leading and trailing  ",
    "Zalgo: Z\u0351\u036b\u0343a\u0363\u0349l\u0348\u035eg\u0321o\u0319",
]

TRAINING = [d["text"] for d in CORPUS[:40]] + TEXTS * 3
ADDED = [
    AddedToken("<mask>", lstrip=True, rstrip=False, normalized=False, special=True),
    AddedToken("word", single_word=True, normalized=True),
]
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train(name, tokenizer, trainer, added=True):
    tokenizer.train_from_iterator(TRAINING, trainer)
    if added:
        tokenizer.add_tokens(ADDED)
    path = HERE / f"{name}.tokenizer.json"
    tokenizer.save(str(path), pretty=False)
    return name, Tokenizer.from_file(str(path))


def byte_level():
    """GPT-2."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    return train("byte-level", t, trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))


def byte_level_prefix():
    """RoBERTa-like: a space is put in front."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return train("byte-level-prefix", t, trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))


def split_byte_level():
    """Llama-3 and Qwen: NFC, GPT-4's pattern, bytes, whole words first."""
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(GPT4), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    return train("split-byte-level", t, trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))


def falcon():
    """Falcon: steps after ByteLevel, which see bytes spelt as characters."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), behavior="isolated"),
    ])
    return train("falcon", t, trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))


def any_case():
    """A pattern that begins with (?i), the space put in front, and a step after the bytes."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex("(?i)" + GPT4.replace("(?i:", "(?:")), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
        pre_tokenizers.Punctuation("isolated"),
    ])
    return train("any-case", t, trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))


BYTES = [f"<0x{b:02X}>" for b in range(256)]


def with_bytes(t):
    """The model of a trained BPE with <0x00> … <0xFF> in its vocabulary and byte fallback switched on."""
    config = json.loads(t.to_str())
    vocabulary = config["model"]["vocab"]
    for b in BYTES:
        vocabulary.setdefault(b, len(vocabulary))
    config["model"].update(byte_fallback=True, fuse_unk=True)
    return Tokenizer.from_str(json.dumps(config))


def metaspace_fallback():
    """Llama-2: mark put in front and for every space by the normaliser, no pre-tokenizer, bytes for what is unknown."""
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    t.train_from_iterator([d["text"] for d in CORPUS[:40]], trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<unk>", "<|endoftext|>"], show_progress=False))
    t = with_bytes(t)
    t.pre_tokenizer = None
    t = Tokenizer.from_str(json.dumps({**json.loads(t.to_str()), "pre_tokenizer": None}))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.add_tokens(ADDED)
    t.save(str(HERE / "metaspace-fallback.tokenizer.json"), pretty=False)
    return "metaspace-fallback", t


def metaspace_first():
    """Newer Llama-2 files: Metaspace, split, mark only in front of the text; NFKC; unknown characters fused."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    t.normalizer = normalizers.NFKC()
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    t.train_from_iterator([d["text"] for d in CORPUS[:40]], trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<unk>", "<|endoftext|>"], show_progress=False))
    t.add_tokens(ADDED)
    t.save(str(HERE / "metaspace-first.tokenizer.json"), pretty=False)
    return "metaspace-first", t


def unigram():
    """T5-like without its compiled character map."""
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    return train("unigram", t, trainers.UnigramTrainer(
        vocab_size=500, special_tokens=["<unk>", "<|endoftext|>"], unk_token="<unk>", show_progress=False))


def word_piece():
    """BERT, lower case."""
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return train("word-piece", t, trainers.WordPieceTrainer(
        vocab_size=700, special_tokens=["[UNK]", "<|endoftext|>"], show_progress=False))


def word_piece_cased():
    """BERT, cased, with the simple white-space pre-tokenizer and digits on their own."""
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation("merged_with_previous")])
    return train("word-piece-split", t, trainers.WordPieceTrainer(
        vocab_size=700, special_tokens=["[UNK]", "<|endoftext|>"], show_progress=False))


def gpt1():
    """GPT-1: words end with </w>, one unknown token per unknown character."""
    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.train_from_iterator([d["text"] for d in CORPUS[:40]], trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<unk>", "<|endoftext|>"], end_of_word_suffix="</w>", show_progress=False))
    t.add_tokens(ADDED)
    t.save(str(HERE / "word-suffix.tokenizer.json"), pretty=False)
    return "word-suffix", t


FORMS = {"split-byte-level": "NFC", "metaspace-first": "NFKC", "word-piece": "NFD", "word-piece-split": "NFD", "word-suffix": "NFC"}


def groups(name, text):
    """Stretches [a, b) that the tokenizer's normaliser rewrites as one."""
    if name == "unigram":
        return [m.span() for m in re.finditer(" {2,}", text)]
    if name not in FORMS:
        return []
    found, a = [], 0
    for b in range(1, len(text) + 1):
        if b < len(text) and continues(text[b]):
            continue
        if unicodedata.normalize(FORMS[name], text[a:b]) != text[a:b]:
            found.append((a, b))
        a = b
    return found


def continues(c):
    """Marks, conjoining Hangul vowels and finals, half-width voicing marks."""
    return unicodedata.category(c)[0] == "M" or "\u1160" <= c <= "\u11ff" or c in "\uff9e\uff9f"


def widen(offsets, spans):
    out = []
    for a, b in offsets:
        for s, e in spans:
            if a < e and b > s:
                a, b = min(a, s), max(b, e)
        out.append((a, b))
    return out


def main():
    for make in (byte_level, byte_level_prefix, split_byte_level, falcon, any_case, metaspace_fallback, metaspace_first, unigram, word_piece, word_piece_cased, gpt1):
        name, t = make()
        rows = []
        for text in TEXTS:
            e = t.encode(text, add_special_tokens=False)
            covering = widen(e.offsets, groups(name, text))
            row = {"text": text, "ids": e.ids, "offsets": [x for pair in e.offsets for x in pair]}
            if covering != e.offsets:
                row["covering"] = [x for pair in covering for x in pair]
            rows.append(row)
        (HERE / f"{name}.expected.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    fixture = Tokenizer.from_file(str(FIXTURE / "tokenizer.json"))
    rows = []
    for d in CORPUS[::60]:
        e = fixture.encode(d["text"], add_special_tokens=False)
        assert all(a[1] == b[0] for a, b in zip(e.offsets, e.offsets[1:])), "tokens touch in plain ASCII"
        rows.append({"id": d["id"], "ids": e.ids, "ends": [b for _, b in e.offsets]})
    (HERE / "fixture.expected.json").write_text("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")
    (HERE / "versions.json").write_text(json.dumps({"tokenizers": tokenizers.__version__, "python": platform.python_version()}) + "\n")


main()
