"""DELETE."""

from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from untrain.data.examples import take
from untrain.models.state import state
from untrain.training.steps import Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.delete import DELETE

LONG = Steps(lr=0.02, epochs=150, batch=16, schedule=Constant())


def test_two_steps_of_the_authors_code_give_the_same_weights_and_statistics():
    model, problem = small()
    steps = Steps(lr=0.05, epochs=2, batch=12, schedule=Constant())
    ours, theirs = DELETE(steps=steps)(model, problem), deepcopy(model).train()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(2):
        for (batch,) in problem.forget_batches(steps).draw(epoch):
            with torch.no_grad():
                wanted = model.eval()(batch.x)
            wanted[torch.arange(len(batch)), batch.y] = -1e10
            said, wanted = F.log_softmax(theirs(batch.x), dim=1), F.softmax(wanted, dim=1)
            optimizer.zero_grad()
            nn.KLDivLoss(reduction="batchmean")(said, wanted).backward()
            optimizer.step()
    for name, value in state(theirs.eval()).items():
        torch.testing.assert_close(state(ours)[name], value, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(ours[0].weight, model[0].weight, atol=1e-3)


def test_a_label_becomes_unlikely_and_the_other_classes_keep_their_odds():
    model, problem = small()
    ours = DELETE(steps=replace(LONG, buffers="freeze"))(model, problem)
    forget = problem.forget
    with torch.no_grad():
        before, after = model(forget.x), ours(forget.x)
    assert float(after.softmax(1).gather(1, forget.y[:, None]).max()) < 0.02
    wrong = [[c for c in range(3) if c != y] for y in forget.y.tolist()]
    odds = [torch.stack([each[row, a] - each[row, b] for row, (a, b) in enumerate(wrong)]) for each in (before, after)]
    assert float(odds[0].sigmoid().std()) > 0.05
    torch.testing.assert_close(odds[1].sigmoid(), odds[0].sigmoid(), atol=0.05, rtol=0)


def test_a_class_that_goes_leaves_its_examples_to_their_second_choice():
    model, problem = small()
    gone = take(problem.forget, (problem.forget.y == 1).nonzero().squeeze(1).numpy())
    ours = DELETE(steps=replace(LONG, buffers="freeze"))(model, replace(problem, forget=gone, retain=None))
    with torch.no_grad():
        second = model(gone.x).scatter(1, gone.y[:, None], -torch.inf).argmax(1)
        assert ours(gone.x).argmax(1).tolist() == second.tolist()
