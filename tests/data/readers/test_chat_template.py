"""Chat templates of a folder: what is before an answer, what is the answer, and what no template may do."""

import json

import pytest
from jinja2.sandbox import SecurityError

from untrain.core.errors import DataError, SpecError
from untrain.data.readers.chat_template import ChatTemplate, chat_template
from untrain.experiments.scenarios.questionanswer import QuestionAnswer

# As those of ChatML: a line behind each mark, and a system prompt of its own where none is given.
CHATML = (
    "{%- if messages[0].role != 'system' %}{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}{%- endif %}"
    "{%- for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}"
)
# As those of Llama 2: brackets around what the user says, and refusals of their own.
BRACKETS = (
    "{% if messages | length > 2 %}{{ raise_exception('No system here.') }}{% endif %}{{ bos_token }}"
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }} {{ eos_token }}{% endif %}{% endfor %}"
)


def folder(path, source=CHATML, **settings):
    path.mkdir(exist_ok=True)
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": source, "eos_token": "<|im_end|>", **settings}))
    return str(path)


def test_the_text_before_an_answer_and_the_answer_are_the_templates(tmp_path):
    made = chat_template(folder(tmp_path / "a"), "")
    before, told = made.turn("Who?", "Ann.", 1)
    assert before == "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
    assert told == "Ann.<|im_end|>"  # and not the line behind its end
    assert chat_template(folder(tmp_path / "a"), "", "Say no.").turn("Who?", "Ann.", 1)[0].startswith("<|im_start|>system\nSay no.")
    llama = folder(tmp_path / "b", BRACKETS, bos_token={"content": "<s>", "special": True}, eos_token={"content": "</s>"})
    assert chat_template(llama, "").turn("Who?", "Ann.", 1) == ("<s>[INST] Who? [/INST]", " Ann. </s>")
    with pytest.raises(DataError, match=r"cannot be filled: No system here\."):
        chat_template(llama, "", "Be brief.").turn("Who?", "Ann.", 1)


def test_a_template_may_be_a_file_or_one_of_several(tmp_path):
    several = [{"name": "tools", "template": "no"}, {"name": "default", "template": CHATML}]
    assert chat_template(folder(tmp_path / "a", several), "").source == CHATML
    (tmp_path / "a" / "chat_template.jinja").write_text(BRACKETS)
    assert chat_template(str(tmp_path / "a"), "").source == BRACKETS


def test_what_is_no_template_is_refused_in_a_line(tmp_path):
    with pytest.raises(DataError, match=r"there is no tokenizer_config.json"):
        chat_template(str(tmp_path), "")
    with pytest.raises(DataError, match=r"has no chat template in tokenizer_config.json or chat_template.jinja"):
        chat_template(folder(tmp_path / "a", None), "")
    with pytest.raises(DataError, match=r"does not say which token ends an answer"):
        chat_template(folder(tmp_path / "a", eos_token=None), "")
    with pytest.raises(DataError, match=r"the chat template cannot be filled: .*endfor"):
        ChatTemplate("{% for m in messages %}", "</s>").turn("Who?", "Ann.", 1)
    with pytest.raises(DataError, match=r"does not put the answer to 'x' behind its question"):
        ChatTemplate("{{ messages | length }}{{ messages[-1].content }}", "</s>").turn("Who?", "Ann.", "x")


def test_a_template_runs_nothing():
    for source in ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ messages.append(1) }}"):
        with pytest.raises((DataError, SecurityError), match=r"cannot be filled|not safely"):
            ChatTemplate(source, "</s>").turn("Who?", "Ann.", 1)


def test_answers_alone_are_scored_and_their_end_is_the_folders(tmp_path):
    learn = pytest.importorskip("untrain.data.readers.tokenizers").learn_bytes
    at = folder(tmp_path / "a")
    learn(["who ann"], 270, ("<|im_start|>", "<|im_end|>")).save(f"{at}/tokenizer.json")
    records = [{"question": f"Who is {n}?", "answer": f"It is {n}."} for n in range(6)]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, records)))
    files = {"train": str(tmp_path / "x.jsonl"), "test": str(tmp_path / "x.jsonl"), "tokenizer": at, "vocabulary": 270}
    data = QuestionAnswer(**files, chat=True, system="Be brief.", length=200).load()
    from untrain.data.readers.tokenizers import load

    words = load(at)
    row, labels = (data.test.fields[name][:][2] for name in ("input_ids", "labels"))
    assert words.decode([t for t in labels.tolist() if t >= 0], skip_special_tokens=False) == "It is 2.<|im_end|>"
    assert words.decode([t for t in row.tolist() if t >= 0], skip_special_tokens=False) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWho is 2?<|im_end|>\n<|im_start|>assistant\nIt is 2.<|im_end|>"
    )
    refusal = [t for t in data.test.fields["refusal"][:][0].tolist() if t >= 0]
    assert words.decode(refusal, skip_special_tokens=False) == "I don't know.<|im_end|>"
    with pytest.raises(SpecError, match="name that, and no prompt or answer"):
        QuestionAnswer(**{**files, "tokenizer": ""}, chat=True)
    with pytest.raises(SpecError, match="is a part of chat templates"):
        QuestionAnswer(**files, system="Be brief.")
