/**
 * Ways in which a gate or a verdict could be wrong: each a change of one place, and the tests that must notice. Those
 * that may live say why.
 */

export interface Mutant {
  /** `what: how it is wrong`. */
  readonly id: string
  readonly file: string
  /** In the file exactly once. */
  readonly text: string
  readonly becomes: string
  /** Files or folders of tests, one of which must fail. */
  readonly tests: readonly string[]
  /** Why no test can notice. Absent: one must. */
  readonly lives?: string
}

const of =
  (file: string, ...tests: readonly string[]) =>
  (id: string, text: string, becomes: string, lives?: string): Mutant => ({
    id,
    file,
    text,
    becomes,
    tests: tests.map((test) => `test/${test}`),
    ...(lives !== undefined && { lives }),
  })

const assertion = of('src/gates/assertion.ts', 'gates/gate.test.ts')
const gate = of('src/gates/gate.ts', 'gates/gate.test.ts', 'gates/windows.test.ts')
const standing = of('src/gates/gate.ts', 'gates/judge.test.ts')
const windows = of('src/gates/window-fold.ts', 'gates/windows.test.ts')
const abort = of('src/gates/abort.ts', 'gates/abort.test.ts')
const baseline = of('src/gates/baseline.ts', 'gates/compare.test.ts', 'gates/sweep.test.ts')
const judge = of('src/gates/judge.ts', 'gates/judge.test.ts')
const tally = of('src/gates/tally.ts', 'gates/judge.test.ts')
const recovery = of('src/gates/recovery.ts', 'gates/recovery.test.ts')
const recoveryRun = of('src/runner/recovery-run.ts', 'runner/recovery-run.test.ts')
const metastability = of('src/gates/metrics/metastability.ts', 'gates/recovery.test.ts')
const statistics = of('src/gates/statistics.ts', 'gates/statistics.test.ts')
const together = of('src/gates/statistics.ts', 'gates/together.test.ts')
const sweep = of('src/gates/sweep.ts', 'gates/sweep.test.ts')
const compare = of('src/gates/compare.ts', 'gates/compare.test.ts')
const bounds = of('src/gates/bounds.ts', 'gates/on-demand.test.ts', 'gates/metrics.test.ts')
const costs = of('src/gates/cost-split.ts', 'gates/cost-split.test.ts')
const coverage = of('src/gates/coverage.ts', 'gates/coverage.test.ts')
const selection = of('src/gates/selection.ts', 'gates/metrics.test.ts', 'gates/on-demand.test.ts')
const metric = (name: string) => of(`src/gates/metrics/${name}.ts`, 'gates/metrics.test.ts', 'gates/on-demand.test.ts')
const mismatch = of('src/gates/metrics/ledger-mismatch.ts', 'gates/ledger-mismatch.test.ts')
const legality = of('src/scenario/legality.ts', 'scenario/legality.test.ts', 'router/eligibility.test.ts')

export const MUTANTS: readonly Mutant[] = [
  assertion('assertion: <= without its end', 'return left <= right', 'return left < right'),
  assertion('assertion: >= without its end', 'return left >= right', 'return left > right'),
  assertion('assertion: == always holds', 'return left === right', 'return true'),
  assertion('assertion: compares what was not rounded', 'const left = Math.round(value / resolution)', 'const left = value / resolution'), // prettier-ignore
  assertion('assertion: a gate that always holds is let in', "return 'always holds'", 'return null'),
  assertion('assertion: == on a share is let in', "operator === '==' && metric.unit !== 'count'", "operator === '==' && metric.unit === 'ms'"), // prettier-ignore

  gate('gate: nothing measured is a pass', "if (observed === null) return ['inconclusive',", "if (observed === null) return ['pass',"), // prettier-ignore
  gate('gate: too few samples are enough', 'if (n < samplesMin) {', 'if (n < 0) {'),
  gate('gate: as many samples as needed are too few', 'if (n < samplesMin) {', 'if (n <= samplesMin) {'),
  gate(
    'gate: a loop that lags is believed',
    'lagMs > LAG_SHARE_MAX * assertion.bound',
    'lagMs > 100 * assertion.bound',
  ),
  gate('gate: fails as pass', "return isHeld ? ['pass', null] : ['fail', sentence]\n  }\n\n  /** By", "return ['pass', null]\n  }\n\n  /** By"), // prettier-ignore
  gate('gate: half an interval is enough to pass', "if (ends.every((end) => end)) return ['pass', null]", "if (ends.some((end) => end)) return ['pass', null]"), // prettier-ignore
  gate(
    'gate: half an interval is enough to fail',
    '[strict.low, strict.high].every((end) => !holds(assertion',
    '[strict.low, strict.high].some((end) => !holds(assertion',
  ),
  gate('gate: a lower bound above an upper limit cannot be told', "if (isUpper && !isHeld) return ['fail', sentence]", ''), // prettier-ignore
  gate('gate: a lower bound within an upper limit is a pass', "if (!isUpper && isHeld) return ['pass', null]", "if (isHeld) return ['pass', null]"), // prettier-ignore
  standing(
    'gate: holds so far is a pass',
    "decided[0] === 'pass' || decided[1] === ASKS_BASELINE",
    "decided[0] === 'fail' || decided[1] === ASKS_BASELINE",
  ),
  gate(
    'gate: many windows are as sure as one',
    '(1 - spec.evidence.confidence) / (windows * among)',
    '(1 - spec.evidence.confidence) / among',
  ),

  windows(
    'windows: the best of them',
    "assertion.operator.startsWith('>') ? value < worst.value",
    "assertion.operator.startsWith('<') ? value < worst.value",
  ),
  windows('windows: too few samples are enough', 'if (value === null || n < samplesMin) {', 'if (value === null) {'),
  windows('windows: those that say nothing are no doubt', 'tally.unclear += 1', 'tally.unclear += 0'),
  windows(
    'windows: each request in one of them',
    'for (let index = Math.max(0, last - 1); index <= last; index += 1) {\n      const stretch = this.stretchAt(index)',
    'for (let index = last; index <= last; index += 1) {\n      const stretch = this.stretchAt(index)',
  ),
  abort('abort: before its time', 'if (now < rule.after) return null', ''),
  abort('abort: whatever the gate says', "return status === 'fail' ? cause : null", 'return cause'),
  abort('abort: one bad window is enough', 'if (watch.broken < rule.for) return null', ''),
  abort(
    'abort: good windows do not break the row',
    "status === 'fail' ? watch.broken + 1 : 0",
    "status === 'fail' ? watch.broken + 1 : watch.broken",
  ),
  abort(
    'abort: windows that say nothing are bad',
    "if (begunAt < after || status === 'inconclusive') return null",
    'if (begunAt < after) return null',
  ),
  baseline(
    'baseline: any traffic',
    'return JSON.stringify([metric, stat, selected, book])',
    'return JSON.stringify([metric, stat, book])',
  ),
  baseline(
    'baseline: either book',
    'return JSON.stringify([metric, stat, selected, book])',
    'return JSON.stringify([metric, stat, selected])',
  ),

  judge('judge: a run that was stopped is whole', 'if (!partial) return []\n    const { aborted }', 'if (partial || !partial) return []\n    const { aborted }'), // prettier-ignore
  judge('judge: no request at all is fine', "if (requests === 0) return ['no request arrived']", 'if (requests === 0) return []'), // prettier-ignore
  judge('judge: no gate at all is fine', "const causes = hasSay ? [] : ['there are no gates", "const causes = hasSay || !hasSay ? [] : ['there are no gates"), // prettier-ignore
  judge('judge: requests that never closed are forgotten', 'if (closed < requests)\n', 'if (closed > requests)\n'),
  judge('judge: a fault that never struck is fine', '.filter(({ hits, minHits }) => hits < minHits)', '.filter(({ hits }) => hits < 0)'), // prettier-ignore
  judge('judge: a fault must strike once more', '.filter(({ hits, minHits }) => hits < minHits)', '.filter(({ hits, minHits }) => hits <= minHits)'), // prettier-ignore
  judge('judge: a sick twin is healthy', 'if (value < HEALTHY_MIN) {', 'if (value < 0) {'),
  judge('judge: a twin that fails the gate is not looked at', "return result?.status === 'fail' ? [", "return result?.status === 'pass' ? ["), // prettier-ignore
  judge('judge: doubts go before a failure', "failed.length > 0 ? 'fail' : causes.length > 0 ? 'inconclusive' : 'pass', causes }\n}", "causes.length > failed.length ? 'inconclusive' : failed.length > 0 ? 'fail' : 'pass', causes }\n}"), // prettier-ignore
  judge('judge: gates that only inform decide', "const deciding = gates.filter(({ level = 'block' }) => level === 'block')", 'const deciding = gates'), // prettier-ignore
  judge('judge: inconclusive exits as 1', "return status === 'inconclusive' ? 3 : 1", 'return 1'),
  judge('judge: a canary that passes exits as 0', 'if (status === expect) return 0', "if (status === expect || status === 'pass') return 0"), // prettier-ignore
  judge('judge: of several runs, inconclusive outranks a failure', '[70, 5, 2, 1, 3, 0]', '[70, 5, 2, 3, 1, 0]'),
  tally('tally: a fault strikes all', 'this.hits[fault] = (this.hits[fault] ?? 0) + 1', 'this.hits.fill(1)'),

  recovery(
    'recovery: one good window is enough',
    'if (since !== null && ends - since >= holdMs)',
    'if (since !== null)',
  ),
  recovery('recovery: a relapse is forgiven', 'if (!isGood(counts, bar(begins, ends), watch)) since = null', 'if (!isGood(counts, bar(begins, ends), watch)) since ??= null'), // prettier-ignore
  recovery('recovery: retries do not count', '(!isWhole || amplification <= AMPLIFICATION_MAX * bar.amplification)', '(isWhole || amplification <= AMPLIFICATION_MAX * bar.amplification)'), // prettier-ignore
  recovery('recovery: answers count when they come', "this.add('ok', arrivedAt, 1)", "this.add('ok', arrivedAt + latencyMs, 1)"), // prettier-ignore
  recovery('recovery: late answers count', "outcome !== 'ok' || latencyMs > this.sloMs", "outcome !== 'ok'"),
  recovery('recovery: slow is three and a half times', 'const SLOW_FACTOR = 3', 'const SLOW_FACTOR = 3.5'),
  recovery('recovery: sick before is fine', 'if (healthy.success < HEALTHY_MIN)', 'if (healthy.success < 0)'),
  recovery('recovery: few requests are enough', 'if (fewest < ARRIVALS_MIN)', 'if (fewest < 0)'),
  recovery(
    'recovery: on its way is metastable',
    'backlog.atHorizon < DRAINING * backlog.halfway',
    'backlog.atHorizon < 0',
  ),
  recovery('recovery: overloaded is metastable', 'if (!shed.recovered) return', 'if (shed.to === undefined) return'),
  recovery('recovery: without a shed test it is metastable', 'if (shed === null) return', 'if (shed === undefined) return'), // prettier-ignore
  recoveryRun('recovery run: the shed test lets everybody in', 'world.shed(true)', 'world.shed(false)'),
  recoveryRun('recovery run: the drain twin tries again', 'drain.world.stopRetries()', 'drain.world.step(from)'),
  recoveryRun(
    'recovery run: a trigger that goes on is over',
    'if (to === NEVER) return this.untold(',
    'if (to < 0) return this.untold(',
    'a line of a timeline always ends; only faults by hand do not, and those are in no file that is played for it',
  ),
  recoveryRun(
    'recovery run: it is judged whatever the load',
    'if (apart <= Math.max(ARRIVALS_APART_MAX * usual, byChance)) return null',
    'if (apart >= 0) return null',
  ),
  recoveryRun('recovery run: the shed test says the contrary', 'this.watch({ world, series }, again, this.horizonMs / 2, true) !== null', 'this.watch({ world, series }, again, this.horizonMs / 2, true) === null'), // prettier-ignore
  metastability('metastability: overloaded counts as well', 'SLOW_RECOVERY: 0, METASTABLE: 1', 'SLOW_RECOVERY: 0, METASTABLE: 1, OVERLOADED: 0'), // prettier-ignore
  metastability(
    'metastability: slow is metastable',
    'SLOW_RECOVERY: 0, METASTABLE: 1',
    'SLOW_RECOVERY: 1, METASTABLE: 1',
  ),

  together(
    'together: gates share nothing',
    'const shares = Array.from({ length: count }, () => count)\n  const open = new Set(shares.keys())\n  for (let many = open.size; many > 0; many = open.size) {',
    'const shares = Array.from({ length: count }, () => count)\n  const open = new Set(shares.keys())\n  for (let many = 1; many > 0 && open.size > 0; many = 1) {',
  ),
  together('together: what one leaves goes to nobody', 'if (failing.length === 0) break', 'break'),
  statistics('statistics: Wald for Wilson', 'const scale = 1 + (z * z) / n', 'const scale = 1'),
  statistics('statistics: one-sided for two-sided', 'const z = normal.inv(1 - (1 - confidence) / 2, 0, 1)', 'const z = normal.inv(confidence, 0, 1)'), // prettier-ignore
  statistics('statistics: percentiles one rank low', 'Math.max(0, Math.ceil(q * sorted.length - 1e-9) - 1)', 'Math.max(0, Math.ceil(q * sorted.length - 1e-9) - 2)'), // prettier-ignore
  statistics('statistics: variance by n', '(values.length - 1))\n}', 'values.length)\n}'),
  statistics('statistics: a regression without a difference', 'tested.low > 0 && median(worse) > tolerated', 'tested.low > 0'), // prettier-ignore
  statistics('statistics: fine as soon as the mean is', 'const isSurelyFine = tested.high <= tolerated', 'const isSurelyFine = mean(worse) <= tolerated'), // prettier-ignore
  statistics('statistics: better is worse', "isWorse === 'higher' ? differences", "isWorse === 'lower' ? differences"),

  sweep(
    'sweep: the last seed decides',
    "const bad = seeds.failed > 0 ? 'fail'",
    "const bad = seeds.failed > 1 ? 'fail'",
  ),
  sweep('sweep: inconclusive seeds pass', "seeds.inconclusive > 0 ? 'inconclusive' : 'pass'", "'pass'"),
  sweep(
    'sweep: fewer seeds than asked for are enough',
    'cells.length < (evidence?.min_seeds ?? 1)',
    'cells.length < 1',
  ),
  sweep(
    'sweep: one seed is sure of itself',
    'if (values.length < 2) return null',
    'if (values.length < 1) return null',
  ),
  sweep('sweep: steady seeds are certain', 'if (isSteady && isShare && n > 0)', 'if (isSteady && isShare && n < 0)'),
  sweep('sweep: a stopped sweep is whole', 'return runs.length < planned.count ?', 'return runs.length < 0 ?'),
  sweep('sweep: one shard is judged as all', 'if (shard !== undefined)\n    return', 'if (shard === null)\n    return'),
  sweep('sweep: most runs say nothing, and the rest passes', 'if (unclear.length >= values.length) return byDoubt(unclear)', 'if (values.length === 0) return byDoubt(unclear)'), // prettier-ignore
  sweep('sweep: a seed twice is merged', 'if (twice.length > 0) return', 'if (twice.length < 0) return'),

  compare('compare: nothing to compare is a pass', "if (rows.length === 0) return { status: 'inconclusive',", "if (rows.length === 0) return { status: 'pass',"), // prettier-ignore
  compare(
    'compare: many rows are as strict as one',
    'regression(differences, tolerated, worse, 1 - (1 - CONFIDENCE) / among)',
    'regression(differences, tolerated, worse, CONFIDENCE)',
  ),
  compare('compare: shares are tolerated by what is there', 'Math.min(before, 1 - before) * maxRegress', 'before * maxRegress'), // prettier-ignore
  compare('compare: a regression is inconclusive', "rows.some(({ status }) => status === 'fail') ? 'fail' : 'inconclusive', causes }", "'inconclusive', causes }"), // prettier-ignore

  bounds('bounds: a budget is used twice as fast', 'return (burn * forMs) / BUDGET_PERIOD', 'return (2 * burn * forMs) / BUDGET_PERIOD'), // prettier-ignore
  costs('costs: requests that failed are split as well', 'const LARGE = 0.1', 'const LARGE = 10'),
  coverage(
    'coverage: everything was called upon',
    '.filter(({ times }) => times > 0)',
    '.filter(({ times }) => times >= 0)',
  ),
  coverage('coverage: whosever policy it was', 'provision.policy === policy && sign.by === by', 'sign.by === by'),
  selection('selection: a window holds its end', 'return arrivedAt >= this.from && arrivedAt < this.to', 'return arrivedAt >= this.from && arrivedAt <= this.to'), // prettier-ignore
  selection('selection: windows do not count', 'if (this.isTimed && !this.covers(entry.arrivedAt)) return false', ''),
  selection('selection: a workflow is all of them', 'if (this.workflow !== -1 && workflow !== this.workflow) return false\n    return this.endpoints', 'return this.endpoints'), // prettier-ignore

  metric('success-rate')('success_rate: truncated is ok', "if (entry.outcome === 'ok') state.part += 1", "if (entry.outcome === 'ok' || entry.outcome === 'truncated') state.part += 1"), // prettier-ignore
  metric('success-rate')('success_rate: cancelled is a failure', "if (entry.outcome === 'cancelled') return", ''),
  metric('_share')('shares: of nothing is all', 'whole === 0 ? { value: null, n: 0', 'whole === 0 ? { value: 1, n: 0'),
  metric('goodput')('goodput: per run', '(part * 1000) / spanMs', 'part'),
  metric('amplification')('amplification: failed requests do not count', 'state.part += entry.attempts', "state.part += entry.outcome === 'ok' ? entry.attempts : 1"), // prettier-ignore
  metric('fallback-rate')(
    'fallback_rate: only who served',
    'return isServedElsewhere || isTriedElsewhere || trace?.hasMoved === true',
    'return isServedElsewhere',
  ),
  metric('_slo')(
    'slo_attainment: the first content may be late',
    'ttftMs !== null && ttftMs <= ttft',
    'ttftMs !== null',
  ),
  metric('cost-drift')('cost_drift: in total', 'cost / ok / (twin.cost / twin.ok) - 1', 'cost / twin.cost - 1'),
  metric('cost-per-success')('cost_per_success: of nothing is free', "if (ok === 0) return { value: null, n: 0, note: 'no request ended ok' }", 'if (ok === 0) return { value: 0, n: 0 }'), // prettier-ignore
  metric('time-to-recover')('time_to_recover: not recovered is recovered', 'if (!isHeld) return { value: endedAt - from, n, censored: true }', ''), // prettier-ignore
  metric('time-to-recover')('time_to_recover: a relapse is forgiven', 'if (isGood === false) since = null', 'if (isGood === null) since = null'), // prettier-ignore
  metric('time-to-detect')('time_to_detect: whoever acts before it strikes', 'watch.hasStruck && watch.seenAt === null', 'watch.seenAt === null'), // prettier-ignore
  metric('duplicate-side-effects')('duplicate_side_effects: none', 'state.duplicates += 1', 'state.duplicates += 0'),
  metric('stream-integrity')('stream_integrity: any length', 'seen.attempts === 1 && seen.tokens === entry.outputTokens', 'seen.attempts === 1'), // prettier-ignore
  metric('wasted-cost')(
    'wasted_cost: what comes late is not wasted',
    'state.wasted += traces.wastedAdded',
    'state.wasted += 0',
  ),
  metric('decision-legality')('decision_legality: the first of a plan is enough', 'if (reason === null) continue', 'if (reason === null) break'), // prettier-ignore
  metric('policy-violations')('policy_violations: none', 'state.violations += 1', 'state.violations += 0'),
  mismatch('ledger_mismatch: any price', 'bill.booked === cost && sameTokens', 'sameTokens'),
  mismatch('ledger_mismatch: any tokens', 'bill.booked === cost && sameTokens', 'bill.booked === cost'),
  mismatch('ledger_mismatch: failed calls may be billed', 'settle(state, request, bill, 0, bill.booked === 0, context)', 'settle(state, request, bill, 0, true, context)'), // prettier-ignore

  legality('legality: any price', 'ofPrice(half, spec, gateway)\n', 'null\n'),
  legality('legality: any data policy', 'ofData(half, spec, gateway) ??', 'null ??'),
  legality('legality: any length', 'if (output > longest) return', 'if (output < 0) return'),
  legality('legality: any tools', "if (!parameters.includes('tools')) return", 'if (parameters.length < 0) return'),
  legality('legality: the standard rate for flex', "half.service_tier !== 'flex' || tier === 'flex'", "half.service_tier !== 'flex' || tier !== 'flex'"), // prettier-ignore
]
