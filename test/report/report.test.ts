/** Reports: what stands in them, and that nothing from outside means anything where it is read. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { REPORT_FORMATS, renderSummary, reportSchema } from '../../src/report/index.ts'
import { html } from '../../src/report/html.ts'
import { STYLE_HASH } from '../../src/report/html/page.ts'
import { STYLE } from '../../src/report/html/style.ts'
import { json } from '../../src/report/json.ts'
import { junit } from '../../src/report/junit.ts'
import { markdown } from '../../src/report/markdown.ts'
import { junitProblems } from './junit-schema.ts'
import { CHRONICLE, FAILED, gate, hostile, sample, UNCLEAR } from './sample.ts'

const envelope = { version: '0.1.0' }

describe('every format', () => {
  test('formats: names and files, are told apart', () => {
    expect(REPORT_FORMATS.map(({ id, run }) => `${id} ${run.fileName}`)).toEqual([
      'json report.json',
      'html report.html',
      'markdown report.md',
      'junit junit.xml',
      'ctrf ctrf.json',
    ])
  })
  test.each(REPORT_FORMATS)('$id: the same result, gives the same bytes and ends with a line end', ({ run }) => {
    expect(run.render(sample(), envelope)).toBe(run.render(sample(), envelope))
    expect(run.render(sample(), envelope)).toMatch(/[^\n]\n$/)
  })
  test.each(REPORT_FORMATS)('$id: hostile names, leave no control character', ({ run }) => {
    const text = run.render(hostile(), envelope)
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    expect(text.split(/\n|&#10;/).filter((line) => /^\s*::/.test(line))).toEqual([])
  })
})

describe('json', () => {
  test('json: what is in it, is what was measured', () => {
    const result = sample()
    expect(JSON.parse(json.run.render(result, envelope))).toEqual({ squallReport: 1, squall: '0.1.0', ...result })
  })
  test('json: keys, are in a fixed order whatever the result was built like', () => {
    const { scenario, ...rest } = sample()
    expect(json.run.render({ ...rest, scenario }, envelope)).toBe(json.run.render(sample(), envelope))
    expect(Object.keys(JSON.parse(json.run.render(sample(), envelope))).slice(0, 4)).toEqual([
      'squallReport',
      'squall',
      'scenario',
      'summary',
    ])
  })
})

describe('html', () => {
  const page = html.run.render(sample(), envelope)
  const bodyOf = (text: string) => text.slice(text.indexOf('<body>'))
  test('html: its own policy allows its stylesheet, and nothing else', () => {
    expect(STYLE_HASH).toBe(`sha256-${createHash('sha256').update(STYLE).digest('base64')}`)
    expect(page).toContain(`content="default-src &#39;none&#39;; style-src &#39;${STYLE_HASH}&#39;"`)
    expect(page.match(/<style>/g)).toHaveLength(1)
    expect(page).toContain(`<style>${STYLE}</style>`)
    expect(page).not.toMatch(/ style=|<script|<link|<img|<iframe|https?:|url\(/)
  })
  test('html: verdict first, worst gates first, and what is drawn is said in words', () => {
    expect(page).toMatch(/role="status">✗ fail</)
    const rows = [...page.matchAll(/<td>(failover|tools|chat-success)</g)].map(([, id]) => id)
    expect(rows).toEqual(['failover', 'tools', 'chat-success'])
    expect(page).toContain('aria-label="The run over time: success was lowest at 3m, with 99.72%; 2 faults."')
    expect(page).toContain('aria-label="Fallbacks: 1200 from openai:gpt to azure:gpt."')
    expect(page).toContain('chat/3601')
    expect(page).toContain(
      'aria-label="Cost drift by cause: retries +3.00%, endpoint -1.00%, tokenizer 0.00%, cache +18.00%, output 0.00%, drift +20.00%."',
    )
  })
  test('html: a gate that was broken, has its mark on the time axis', () => {
    const gates = [gate({ ...FAILED, firstViolation: { at: 90_000, requests: ['chat/7'] } })]
    const text = html.run.render(sample({ gates }), envelope)
    expect(text).toContain('>gate failover is broken</text>')
    expect(text).toContain('2 faults; gate failover is broken from 1m30s on."')
  })
  test('html: huge files were played, the page stays below 2 MB and says what it left out', () => {
    const text = '# <<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<\n'.repeat(20_000)
    const page = html.run.render(
      sample({ sources: [text, text].map((each, n) => ({ file: `${n}.yaml`, text: each })) }),
      envelope,
    )
    expect(Buffer.byteLength(page)).toBeLessThan(2_000_000)
    expect(page.match(/… and \d+ lines more, as in the JSON beside this page\./g)).toHaveLength(2)
  })
  test('html: what was not measured, leaves no number that is none', () => {
    const empty = {
      ...CHRONICLE,
      arrived: [0],
      ok: [0],
      fallback: [0],
      ttftP50: [null],
      ttftP95: [null],
      cost: [0],
      twin: null,
      traffic: [],
      states: [],
      flows: [],
      errors: [],
      latency: [],
    }
    const text = html.run.render(
      sample({ chronicle: empty, gates: [], faults: [], windows: [], providers: [], sources: [], metrics: [] }),
      envelope,
    )
    expect(text).not.toMatch(/NaN|undefined|Infinity|\bnull\b/)
  })
  test('html: names from outside are text: no tag, no attribute, no comment', () => {
    const tags = (text: string) => [...bodyOf(text).matchAll(/<\/?([a-z0-9]+)/gi)].map(([, name]) => name)
    const text = html.run.render(hostile(), envelope)
    expect(new Set(tags(text))).toEqual(new Set(tags(html.run.render(sample(), envelope))))
    expect(text).not.toMatch(/ on[a-z]+=|javascript:|<!--/i)
  })
})

describe('markdown', () => {
  test('markdown: a failed run, reads as it should', () => {
    expect(markdown.run.render(sample(), envelope)).toBe(`## ✗ primary-outage: 1 of 3 gates failed

The preferred provider goes dark for two minutes.

squall 0.1.0 · seed 7 · virtual clock · 6m · 7200 requests

7196 ok, 4 failed

### Why

- gate failover: time_to_failover is 3.25s over 1 fault, the gate asks for < 2s
- fault slow never struck
- gate tools: tool_call_validity has no value: no answer carried or needed a tool call

### Gates

| gate | observed | asserted | of | n | why |
|---|---:|---:|---|---:|---|
| ✗ failover | **3.25s** | < 2s | time_to_failover, provider openai | 1 | time_to_failover is 3.25s over 1 fault, the gate asks for < 2s; margin -38% |
| ? tools | no value | >= 99% | tool_call_validity | 0 | tool_call_validity has no value: no answer carried or needed a tool call |
| ✓ chat-success | 99.91% | >= 99.5% | success_rate, workflow chat, window storm | 2400 | margin +82% |

### Windows

| window | success | goodput | fallback | ttft p95 | latency p95 | amplification | cost per success | cost drift |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
| whole run | 99.95% | – | – | – | – | – | – | – |
| storm (1m..3m) | 99.91% | – | – | – | 1.84s | – | – | – |

### Cost against the same run without faults

| window | ok in both | without faults | this run | retries | endpoint | tokenizer | cache | output |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
| whole run | 7190 | $0.10 | $0.12 | +3.00% | -1.00% | – | +18.00% | – |

Ok without faults, and not in this run: 4, at &#36;0.000060 without faults and &#36;0.0000020 in this run; not in the split.

### Faults

| fault | what | when | hits | needed |
|---|---|---|---:|---:|
| ✓ dark | outage (refuse) on openai | 1m..3m | 41 | 1 |
| ? slow | latency on azure | 1m30s..2m | 0 | 1 |

### Endpoints

| endpoint | attempts | ok | failed | served | charged | errors |
|---|---:|---:|---:|---:|---:|---|
| openai:gpt | 4841 | 4800 | 41 | 4800 | $12.41 | connect_refused 40, server_error 1 |

### Reproduce

\`\`\`sh
squall run scenarios/primary-outage.yaml --seed 7
\`\`\`

Fingerprint: c0ffee
`)
  })
  test('markdown: a run stopped early that was expected to be inconclusive, says both', () => {
    const verdict = { status: 'inconclusive', causes: ['stopped'] } as const
    const text = markdown.run.render(
      sample({ partial: true, endedAt: 90_000, verdict, expect: 'inconclusive' }),
      envelope,
    )
    expect(text).toContain('1m30s of 6m')
    expect(text).toContain('inconclusive, as the scenario expects (stopped at 1m30s)')
  })
  test('markdown: requests that were degraded, are told by workflow and rung', () => {
    const rungs = [{ workflow: 'chat', rung: 2, name: '2 fail_safely', requests: 40, ok: 38 }]
    const page = markdown.run.render(sample({ counts: { ...sample().counts, rungs } }), envelope)
    expect(page).toContain('### Degraded\n\n| workflow | rung of its ladder | requests | ok |')
    expect(page).toContain('| chat | 2 fail_safely | 40 | 38 |')
  })

  test('every page: what the policies provide for, budgets as well, and how often the run called upon it', () => {
    const provisions = [
      { policy: 'chat', name: 'budget', times: 12 },
      { policy: 'chat', name: 'breaker', times: 0 },
    ]
    const result = sample({ coverage: { share: 0.5, exercised: 1, provisions } })
    const page = markdown.run.render(result, envelope)
    expect(page).toContain('### What the policies did\n\n| policy | provides for | called upon |')
    expect(page).toContain('| ✓ chat | budget | 12 times |\n| ? chat | breaker | never |\n')
    expect(page).toContain(
      '1 of 2 provisions of the policies were called upon (50.00%): nothing is known of the others.',
    )
    expect(html.run.render(result, envelope)).toContain('<td>budget</td><td class="n">12 times</td>')
  })

  test('markdown: hostile names, are text and nothing else', () => {
    const text = markdown.run.render(hostile(), envelope)
    const [page = '', command = ''] = text.split('### Reproduce')
    expect(page).not.toMatch(/<(?![ =])|@team|(?<!&)#1|\]\(|http:\/\/|`|::/)
    expect(page).toContain('&#60;script>')
    for (const line of page.split('\n').filter((each) => each.startsWith('| '))) {
      expect(line.split('|').length - 1).toBeOneOf([6, 7, 8, 10])
    }
    // In the block of code nothing is read but its end.
    expect(
      command
        .trim()
        .split('\n')
        .filter((line) => /^`{3,}(sh)?$/.test(line)).length,
    ).toBe(2)
  })
  test('markdown: a command with backticks, gets a longer fence', () => {
    expect(markdown.run.render(sample({ reproduce: 'squall run ```x' }), envelope)).toContain(
      '````sh\nsquall run ```x\n````',
    )
  })
  test.each([
    ['long', '|'.repeat(500)],
    ['short', '|'.repeat(12)],
    ['wide', '東京'.repeat(300)],
  ])(
    'markdown: a huge run of %s names, stays below 64 kB, has the worst first and says what it left out',
    (_, wide) => {
      const gates = [
        ...Array.from({ length: 1000 }, (__, index) => gate({ id: `gate-${index}`, where: { workflow: wide } })),
        FAILED,
      ]
      const { faults, providers, counts, costs } = sample()
      const text = markdown.run.render(
        sample({
          scenario: wide,
          summary: wide,
          gates,
          verdict: { status: 'fail', causes: gates.map(() => wide) },
          faults: gates.map(() => ({ ...faults[0]!, label: wide })),
          providers: gates.map(() => ({ ...providers[0]!, endpoint: wide })),
          windows: gates.map(({ id }, index) => ({ name: `${id}${wide}`, from: index, to: index + 1 })),
          costs: gates.map(() => ({ ...costs![0]!, where: { window: wide } })),
          counts: { ...counts, rungs: gates.map(() => ({ workflow: wide, rung: 1, name: wide, requests: 1, ok: 1 })) },
          coverage: { share: 0, exercised: 0, provisions: gates.map(() => ({ policy: wide, name: wide, times: 0 })) },
          notes: gates.map(() => wide),
          reproduce: wide.repeat(10),
        }),
        envelope,
      )
      expect(Buffer.byteLength(text)).toBeLessThan(64_000)
      expect(text.indexOf('✗ failover')).toBeGreaterThan(0)
      expect(text).toMatch(/… and \d+ more/)
    },
  )
})

describe('junit', () => {
  test.each([
    ['a failed run', sample()],
    ['a run that passed', sample({ gates: [gate()], faults: [], verdict: { status: 'pass', causes: [] } })],
    ['a run that fails as it should', sample({ expect: 'fail' })],
    ['hostile names', hostile()],
  ])('junit: %s, is what Jenkins asks for', (_name, result) => {
    expect(junitProblems(junit.run.render(result, envelope))).toEqual([])
  })
  test('junit: what Jenkins does not ask for, is found', () => {
    const text = junit.run.render(sample(), envelope)
    for (const [from, to] of [
      ['</properties>', ''],
      ['&lt;', '<'],
      ['&#10;', '&nl;'],
      ['name="seed"', 'naem="seed"'],
      ['errors="2"', 'errors="3"'],
      ['<system-out>', '<system-in>'],
      ['failures="2" errors="2" skipped', 'errors="2" skipped'],
    ] as const)
      expect(junitProblems(text.replace(from, to))).not.toEqual([])
  })
  test('junit: a failed run, is failures and errors', () => {
    expect(junit.run.render(sample(), envelope)).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="squall" tests="6" failures="2" errors="2" time="360.000">
        <testsuite name="primary-outage" tests="6" failures="2" errors="2" skipped="0" time="360.000">
          <properties>
            <property name="squall" value="0.1.0"/>
            <property name="seed" value="7"/>
            <property name="clock" value="virtual"/>
            <property name="fingerprint" value="c0ffee"/>
            <property name="partial" value="false"/>
            <property name="reproduce" value="squall run scenarios/primary-outage.yaml --seed 7"/>
          </properties>
          <testcase classname="squall.primary-outage" name="verdict is passed" time="0">
            <failure message="gate failover: time_to_failover is 3.25s over 1 fault, the gate asks for &lt; 2s&#10;fault slow never struck&#10;gate tools: tool_call_validity has no value: no answer carried or needed a tool call">gate failover: time_to_failover is 3.25s over 1 fault, the gate asks for &lt; 2s&#10;fault slow never struck&#10;gate tools: tool_call_validity has no value: no answer carried or needed a tool call&#10;reproduce: squall run scenarios/primary-outage.yaml --seed 7</failure>
          </testcase>
          <testcase classname="squall.primary-outage" name="gate chat-success: success_rate &gt;= 99.5% (workflow chat, window storm)" time="0">
            <system-out>observed 99.91%, n 2400; margin +82%</system-out>
          </testcase>
          <testcase classname="squall.primary-outage" name="gate failover: time_to_failover &lt; 2s (provider openai)" time="0">
            <failure message="time_to_failover is 3.25s over 1 fault, the gate asks for &lt; 2s; margin -38%">time_to_failover is 3.25s over 1 fault, the gate asks for &lt; 2s; margin -38%&#10;reproduce: squall run scenarios/primary-outage.yaml --seed 7</failure>
          </testcase>
          <testcase classname="squall.primary-outage" name="gate tools: tool_call_validity &gt;= 99%" time="0">
            <error message="tool_call_validity has no value: no answer carried or needed a tool call">tool_call_validity has no value: no answer carried or needed a tool call&#10;reproduce: squall run scenarios/primary-outage.yaml --seed 7</error>
          </testcase>
          <testcase classname="squall.primary-outage" name="fault dark struck" time="0">
            <system-out>outage (refuse) on openai: 41 hits</system-out>
          </testcase>
          <testcase classname="squall.primary-outage" name="fault slow struck" time="0">
            <error message="latency on azure: 0 hits, at least 1 needed">latency on azure: 0 hits, at least 1 needed&#10;reproduce: squall run scenarios/primary-outage.yaml --seed 7</error>
          </testcase>
        </testsuite>
      </testsuites>
      "
    `)
  })
  test('junit: a run that fails as the scenario expects, is green and says so', () => {
    const text = junit.run.render(sample({ expect: 'fail' }), envelope)
    expect(text).toContain('failures="0" errors="0"')
    expect(text).toContain('failed, as expected: time_to_failover is 3.25s')
  })
  test('junit: a pass that should have been a failure, is a failure', () => {
    const text = junit.run.render(
      sample({ expect: 'fail', gates: [gate()], faults: [], verdict: { status: 'pass', causes: [] } }),
      envelope,
    )
    expect(text).toContain('failures="1" errors="0"')
    expect(text).toContain('<failure message="passed, and the scenario expects it to be failed">')
  })
  test('junit: a doubt that belongs to no gate, is an error', () => {
    const verdict = { status: 'inconclusive', causes: ['the run was stopped at 1m of 6m'] } as const
    const text = junit.run.render(sample({ gates: [gate()], faults: [], verdict }), envelope)
    expect(text).toContain('failures="0" errors="1"')
    expect(text).toContain('<error message="the run was stopped at 1m of 6m">')
  })
  test('junit: hostile names, stay inside their quotes', () => {
    const text = junit.run.render(hostile(), envelope)
    expect(text).not.toContain('<script')
    expect(text).not.toMatch(/[\ufffe\uffff\u202e]/)
    expect(
      text.replace(/<\/?(?:\?xml|testsuites?|testcase|properties|property|failure|error|system-out)\b[^<>]*>/g, ''),
    ).not.toMatch(/[<>]/)
  })
})

describe('summary', () => {
  test('summary: a failed run, ends with the verdict and how to play it again', () => {
    expect(renderSummary(sample())).toBe(`primary-outage · seed 7 · virtual clock · 6m · 7200 requests
  ✓ chat-success  success_rate >= 99.5%      got 99.91% of 2400  (workflow chat, window storm)
  ✗ failover      time_to_failover < 2s      got 3.25s of 1  (provider openai)
      time_to_failover is 3.25s over 1 fault, the gate asks for < 2s; margin -38%
  ? tools         tool_call_validity >= 99%  got no value of 0
      tool_call_validity has no value: no answer carried or needed a tool call
  ! fault slow never struck

FAIL primary-outage: 1 of 3 gates failed · reproduce: squall run scenarios/primary-outage.yaml --seed 7
`)
  })
  test('summary: all passed, is short', () => {
    const result = sample({ gates: [gate()], verdict: { status: 'pass', causes: [] }, notes: ['not reproducible'] })
    expect(renderSummary(result).split('\n').slice(-4)).toEqual([
      '  note: not reproducible',
      '',
      'PASS primary-outage: its gate passed · reproduce: squall run scenarios/primary-outage.yaml --seed 7',
      '',
    ])
  })
  test('summary: in ASCII, has nothing else', () => {
    const text = renderSummary(sample({ summary: 'naïve', notes: ['twin’s – 東京'] }), { ascii: true })
    expect(text).toMatch(/^[\n -~]*$/)
    expect(text).toContain('  x  failover')
    expect(text).toContain(`note: twin's - ??`)
  })
  test('summary: colour, marks statuses only and only when asked for', () => {
    expect(renderSummary(sample())).not.toContain('\u001b')
    expect(renderSummary(sample(), { color: true })).toContain('\u001b[31mFAIL\u001b[39m primary-outage')
  })
  test('summary: hostile names, move nothing, begin no line and command no runner', () => {
    const lines = renderSummary(hostile()).split('\n')
    for (const line of lines) {
      expect(line).not.toContain('\u001b')
      expect(line).not.toContain('\u202e')
      expect(line).not.toContain('##[')
      expect(line).not.toContain('::')
    }
    expect(lines.at(-2)).toMatch(/^FAIL /)
  })
  test('summary: many doubts, are counted after the first twenty', () => {
    const causes = Array.from({ length: 50 }, (_, index) => `doubt ${index}`)
    const text = renderSummary(sample({ gates: [UNCLEAR], verdict: { status: 'inconclusive', causes } }))
    expect(text).toContain('  ! doubt 19\n  ! and 30 more\n')
  })
})

describe('a broken gate', () => {
  const firstViolation = { at: 62_000, requests: ['chat/1240', 'chat/1243'] }
  const broken = sample({ gates: [{ ...FAILED, firstViolation }] })
  const words = 'since 1m2s, first chat/1240, chat/1243'

  test.each(REPORT_FORMATS.map(({ id, run }) => [id, run] as const))('%s: says since when, and by whom', (id, run) => {
    const text = run.render(broken, envelope)
    if (id === 'json') {
      expect(JSON.parse(text).gates[0]).toMatchObject({ margin: -0.384615, firstViolation })
      expect(reportSchema.safeParse(JSON.parse(text)).error).toBeUndefined()
    } else if (id === 'ctrf') expect(text).toContain('"chat/1243"')
    else expect(text).toContain(words)
    if (id === 'junit')
      expect(text).toMatch(/<failure message="[^"]*; since 1m2s, first chat\/1240, chat\/1243; margin -38%">/)
  })
  test('summary: says it below the gate', () => {
    expect(renderSummary(broken)).toContain(`the gate asks for < 2s; ${words}; margin -38%\n`)
  })
})
