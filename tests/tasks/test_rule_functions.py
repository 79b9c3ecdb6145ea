"""The functions that Kubernetes adds to CEL, each by what its documentation says of it."""

from __future__ import annotations

import pytest

from tasks.kubernetes.manifests.rules import Evaluator, NotChecked

pytestmark = pytest.mark.requirement("ARC-B2/custom-objects-fit-their-definitions")

EVALUATOR = Evaluator()


@pytest.mark.parametrize(
    "rule",
    [
        "isURL('https://a.example:8080/x?y=1')",
        "isURL('/path') && !isURL('a b') && !isURL('a/b') && !isURL('http://a:b/')",
        "isURL('mailto:a@b') && isURL('https://a.example:/') && isURL('https://[fe80::1%25en0]:8080/') && isURL('http:')",
        "!isURL('') && !isURL('1http://a/') && !isURL(':a') && !isURL('https://a%zz/') && !isURL('https://a.example/%zz')",
        "!isURL('https://[::1/') && !isURL('https://[::1]x/') && !isURL('https://a^b/') && !isURL('https://a b/')",
        "!isURL('https://a.example#part') && !isURL('https://a|b@c/') && isURL('https://u:p@c/') && !isURL('https://a:8x/')",
        "isURL('https://a.example/%41?%zz') && isURL('//path') && !isURL('https://a%41b/') && isURL('https://b%C3%BC/')",
        "url('https://a.example:8080/x').getHost() == 'a.example:8080'",
        "url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'",
        "url('https://a.example/b c').getEscapedPath() == '/b%20c' || !isURL('https://a.example/b c')",
        "url('https://a.example/?k=v&k=w').getQuery()['k'] == ['v', 'w']",
        "url('https://a.example').getScheme() == 'https'",
        "isIP('::1') && !isIP('010.0.0.1') && !isIP('::ffff:10.0.0.1') && !isIP('fe80::1%eth0')",
        "ip('10.0.0.1').family() == 4 && ip('::1').family() == 6 && ip('::1').isLoopback()",
        "ip('169.254.169.254').isLinkLocalUnicast() && !ip('169.254.169.254').isGlobalUnicast()",
        "ip('10.0.0.1').isGlobalUnicast() && ip('224.0.0.5').isLinkLocalMulticast() && ip('0.0.0.0').isUnspecified()",
        "ip('0:0::1') == ip('::1') && string(ip('0:0::1')) == '::1' && !ip.isCanonical('0:0::1')",
        "isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0/08')",
        "cidr('10.0.0.0/8').containsIP('10.1.1.1') && !cidr('10.0.0.0/8').containsIP(ip('11.1.1.1'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
        "cidr('10.1.0.0/8').masked() == cidr('10.0.0.0/8') && cidr('10.1.0.0/8').ip() == ip('10.1.0.0')",
        "cidr('2001:db8::/32').prefixLength() == 32 && string(cidr('10.1.0.0/8')) == '10.1.0.0/8'",
        "quantity('1.5Gi').isGreaterThan(quantity('1G')) && quantity('200k').compareTo(quantity('0.2M')) == 0",
        "isQuantity('1e3') && !isQuantity('1,3') && !isQuantity('1KB') && !isQuantity('')",
        "quantity('50k').add(20).asInteger() == 50020 && quantity('3').sub(quantity('2')).sign() == 1",
        "!quantity('1m').isInteger() && quantity('500m').asApproximateFloat() == 0.5",
        "[1, 2, 2].isSorted() && !['b', 'a'].isSorted() && [].sum() == 0 && [3, 1].sum() == 4",
        "['b', 'a'].min() == 'a' && [1, 2].max() == 2 && [1, 2, 2].lastIndexOf(2) == 2 && [1].indexOf(3) == -1",
        "'abca'.indexOf('a') == 0 && 'abca'.lastIndexOf('a') == 3",
        "sets.contains([1, 2], [2]) && sets.intersects([1, 2], [2, 3]) && sets.equivalent([1, 2], [2, 1, 1])",
        "format.dns1123Label().validate('Not').hasValue() && !format.dns1123Label().validate('a-1').hasValue()",
        "format.named('uuid').hasValue() && !format.named('none').hasValue()",
        "format.named('date').value().validate('2026-02-30').value().size() == 1",
        "format.qualifiedName().validate('a b').hasValue() && !format.qualifiedName().validate('example.com/a_b').hasValue()",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0').isGreaterThan(semver('1.0.0-rc.1'))",
        "'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == '' && 'aXb'.find('(?i)x(.)?') == 'Xb'",
        "'123 abc 456'.findAll('[0-9]*') == ['123', '', '', '', '', '456'] && 'ab'.findAll('a*?') == ['', '', '']",
        "'1 2 3'.findAll('[0-9]', 2) == ['1', '2'] && '1 2'.findAll('[0-9]', -1) == ['1', '2'] && '1'.findAll('1', 0) == []",
        "'a.b.c'.findAll('[^.]+') == ['a', 'b', 'c'] && 'abab'.find('(ab)+') == 'abab' && 'abab'.find('(ab)+?') == 'ab'",
        "[1, 2].all(i, v, v == i + 1) && ![1, 3].all(i, v, v == i + 1) && {'a': 1}.all(k, v, k == 'a' && v == 1)",
        "[3, 2].exists(i, v, v == 2 || 1 / (v - 3) > 5) && !{'a': 1}.exists(k, v, v == 2)",
        "{'a': 1, 'b': 2}.existsOne(k, v, v > 1) && ![2, 3].existsOne(i, v, v > 1)",
        "[1, 2].transformList(i, v, v * 2) == [2, 4] && [1, 2, 3].transformList(i, v, i > 0, v) == [2, 3]",
        "{'a': 1, 'b': 2}.transformMap(k, v, k == 'b', v + 1) == {'b': 3} && ['a'].transformMap(i, v, v) == {0: 'a'}",
        "{'a': 'x'}.transformMapEntry(k, v, {v: k}) == {'x': 'a'}",
        "{'a': ['a, 0', 'a, 1']}.all(k, v, v.all(i, w, w == k + ', ' + string(i)))",
        "[[1], [2]].all(i, v, v.exists(x, x == i + 1)) && '.all(a, b, c)' == '.all(a' + ', b, c)'",
        "[r'\\\\(', ')'].all(i, v, v != 'x')",
        "!isSemver('1.2') && semver('1.2.3').major() + semver('1.2.3').minor() + semver('1.2.3').patch() == 6",
    ],
)
def test_functions_answer_as_documented(rule: str) -> None:
    assert EVALUATOR.holds(rule, {}) is True


@pytest.mark.parametrize(
    "rule",
    [
        "ip('somewhere').family() == 4",
        "cidr('10.0.0.0').prefixLength() == 8",
        "url('a b').getHost() == ''",
        "quantity('much').sign() == 1",
        "quantity('1m').asInteger() == 0",
        "[].min() == 1",
        "[1, 'a'].sum() == 1",
        "ip('10.0.0.1').prefixLength() == 8",
        "self.nothing == 1",
        "'a'.find('(') == ''",
        "'a'.find('a**') == ''",
        "{'a': 1, 'b': 1}.transformMapEntry(k, v, {v: k}) == {}",
        "[1].all(i, v, v / i == 1)",
    ],
)
def test_an_error_refuses(rule: str) -> None:
    found = EVALUATOR.holds(rule, {})
    assert isinstance(found, str)
    assert "evaluating it fails" in found


@pytest.mark.parametrize(
    "rule",
    [
        "'a'.find('\\\\p{Greek}') == ''",
        "'a'.findAll('\\\\Ca').size() == 0",
        "self.x.all(i, v)",
        "self.x.all(i, v, w, x)",
        "authorizer.path('/x').check('get').allowed()",
        "self.x ==",
        "unknown(1)",
    ],
)
def test_what_nothing_here_can_ask_is_said_to_be_unasked(rule: str) -> None:
    with pytest.raises(NotChecked):
        EVALUATOR.holds(rule, {"x": 1})


def test_what_would_look_at_too_much_is_ended() -> None:
    found = EVALUATOR.holds("self.all(one, self.sum() >= 0)", [*range(1000)] * 1)
    assert isinstance(found, str)
    assert "budget" in found
    found = EVALUATOR.holds("self.find('(.*){200}b') == ''", "a" * 5000)
    assert isinstance(found, str)
    assert "budget" in found
    with pytest.raises(NotChecked, match="a list of more than"):
        EVALUATOR.holds("self.sum() >= 0", [0] * 1001)
