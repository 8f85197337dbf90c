"""The rules of --fail-if: 'valid_loss > baseline + 0.002'.

    rule    = both { "or" both }          sum     = product { ("+" | "-") product }
    both    = test { "and" test }         product = value { ("*" | "/") value }
    test    = sum ("<" | "<=" | ">" | ">=" | "==" | "!=") sum | "(" rule ")"
    value   = number | name [ "." name ] | "-" value | "(" sum ")"

Nothing else is accepted, so rules from untrusted sources are safe. A rule is parsed once, and evaluated with a
function that returns the value of a name.
"""

import math
import operator
import re

from collab_ps.files import USAGE, Failure

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)|([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)|"
                   r"(<=|>=|==|!=|[-+*/()<>]))")
TESTS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
         "!=": operator.ne}
SUMS = {"+": operator.add, "-": operator.sub}
PRODUCTS = {"*": operator.mul, "/": operator.truediv}
DEPTH = 40  # of nested brackets


def split(text):
    """[(kind, token)] of a rule's text."""
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Failure(USAGE, f"--fail-if '{text}': cannot read '{text[at:].strip()[:30]}'")
        kind = ("number", "name", "sign")[match.lastindex - 1]
        tokens.append((kind, match.group(match.lastindex)))
        at = match.end()
    return tokens


class Rule:
    """A rule, parsed and ready to be evaluated."""

    def __init__(self, text):
        self.text, self.tokens, self.at, self.depth = text, split(text), 0, 0
        self.names = {token for kind, token in self.tokens if kind == "name" and token not in ("and", "or")}
        self.judge_with = self.any_of()
        if self.at < len(self.tokens):
            self.refuse()

    def judge(self, find):
        """Whether the rule is true; find(name) returns the value of a name."""
        try:
            return self.judge_with(find)
        except (ZeroDivisionError, OverflowError):
            raise Failure(USAGE, f"--fail-if '{self.text}': division by zero, or a result out of range") from None

    def refuse(self):
        found = f"'{self.tokens[self.at][1]}'" if self.at < len(self.tokens) else "its end"
        raise Failure(USAGE, f"--fail-if '{self.text}': syntax error at {found}",
                      "an example of a rule: 'valid_loss > baseline + 0.002'")

    def take(self, *wanted):
        """The next token if it is one of wanted, else None."""
        if self.at < len(self.tokens) and self.tokens[self.at][1] in wanted:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def any_of(self):
        parts = [self.all_of()]
        while self.take("or"):
            parts.append(self.all_of())
        return lambda find: any([part(find) for part in parts])

    def all_of(self):
        parts = [self.test()]
        while self.take("and"):
            parts.append(self.test())
        return lambda find: all([part(find) for part in parts])

    def test(self):
        inner = self.inner_rule()
        if inner:
            return inner
        left = self.chain(SUMS, self.product)
        sign = self.take(*TESTS)
        if not sign:
            self.refuse()
        right = self.chain(SUMS, self.product)
        return lambda find: TESTS[sign](left(find), right(find))

    def inner_rule(self):
        """A rule in brackets; None, without reading anything, if there is no bracket or it belongs to a sum."""
        began = self.at
        if not self.take("("):
            return None
        self.deeper()
        try:
            inner = self.any_of()
            if self.take(")") and (self.at == len(self.tokens) or self.tokens[self.at][1] in ("and", "or", ")")):
                return inner
        except Failure:
            pass
        finally:
            self.depth -= 1
        self.at = began
        return None

    def product(self):
        return self.chain(PRODUCTS, self.value)

    def chain(self, signs, part):
        """part { sign part }, from left to right."""
        first, rest = part(), []
        while sign := self.take(*signs):
            rest.append((signs[sign], part()))

        def compute(find):
            total = first(find)
            for apply, other in rest:
                total = apply(total, other(find))
            if not math.isfinite(total):
                raise OverflowError
            return total
        return compute

    def value(self):
        self.deeper()
        try:
            return self.bracket() or self.minus() or self.atom()
        finally:
            self.depth -= 1

    def bracket(self):
        if not self.take("("):
            return None
        inner = self.chain(SUMS, self.product)
        return inner if self.take(")") else self.refuse()

    def minus(self):
        if not self.take("-"):
            return None
        inner = self.value()
        return lambda find: -inner(find)

    def atom(self):
        kind, token = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")
        if kind == "number":
            self.at += 1
            constant = float(token)
            return lambda find: constant
        if kind == "name" and token not in ("and", "or"):
            self.at += 1
            return lambda find: find(token)
        return self.refuse()

    def deeper(self):
        self.depth += 1
        if self.depth > DEPTH:
            raise Failure(USAGE, f"--fail-if '{self.text[:60]}…': too many brackets")
