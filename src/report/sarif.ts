/**
 * What checking files has found, as SARIF 2.1.0: for code scanning, beside the lines it is about.
 *
 *   | GitHub reads at most           | what happens here                            |
 *   | ------------------------------ | -------------------------------------------- |
 *   | 25,000 results, and shows 5000 | the first 5,000, mistakes before warnings     |
 *   | 20 tags of a rule, and shows 10 | two                                          |
 *
 * Source: docs.github.com, "SARIF support for code scanning". A finding is known again by its rule, its file, what it is
 * about and its words, so that it stays the same one when lines above it come and go.
 */
import { hashName, mix32 } from '../base/hash.ts'
import { safeForTerminal } from '../base/safe-text.ts'
import type { Diagnostic, WarningRule } from '../scenario/index.ts'
import { inRepository, type Envelope, type Place } from './_format.ts'

export const RESULTS_MAX = 5_000

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json'
const ROOT = 'SRCROOT'
/** Version of how a finding is known again. */
const FINGERPRINT = 'squallFinding/v1'

type Rule = WarningRule | 'mistake'

const RULES: Readonly<Record<Rule, readonly [title: string, help: string]>> = {
  mistake: ['The file is not valid', 'Nothing runs until this is mended. The message says what is allowed.'],
  'unused-policy': ['A policy that no workflow has', 'It is never played, so nothing is proved of it.'],
  'unused-workflow': [
    'A workflow that asks nobody',
    'No request arrives, or its policy allows no endpoint of the fleet.',
  ],
  'idle-fault': ['A fault that strikes nobody', 'Nothing it could strike is used while it is at work.'],
  'idle-gate': ['A gate with nothing to measure', 'It will be inconclusive, which is never a pass.'],
  'idle-conversation': ['A conversation that stays with nobody', 'Naming it does nothing: see what stands in the way.'],
  'repeated-gate': ['A gate that says nothing of its own', 'Another gate asks the same of the same traffic.'],
  'no-success-gate': [
    'No gate sees requests that fail',
    'Times are of requests that end ok: the more fail, the less is measured, and failing fast costs nothing.',
  ],
  'too-much': ['A scenario that takes very long to play', 'So many requests take minutes or hours.'],
  'thin-margin': [
    'A fleet that takes less than it may be asked for',
    'Capacity over attempts times load is below 1: its own clients may keep it down. `squall margins` tells the numbers.',
  ],
  'no-gates': ['A scenario that judges nothing', 'Without gates the verdict is inconclusive.'],
}
const RULE_IDS = Object.keys(RULES) as Rule[]

export function renderSarif(diagnostics: readonly Diagnostic[], { version }: Envelope, place: Place): string {
  const mistakes = diagnostics.filter(({ severity }) => severity === undefined)
  const warnings = diagnostics.filter(({ severity }) => severity !== undefined)
  const seen = new Map<string, number>()
  const log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'squall',
            version,
            semanticVersion: version,
            rules: RULE_IDS.map((id) => ({
              id,
              shortDescription: { text: RULES[id][0] },
              help: { text: RULES[id][1] },
              defaultConfiguration: { level: id === 'mistake' ? 'error' : 'warning' },
              properties: { tags: ['squall', 'resilience'] },
            })),
          },
        },
        invocations: [{ executionSuccessful: true }],
        columnKind: 'utf16CodeUnits',
        results: [...mistakes, ...warnings]
          .slice(0, RESULTS_MAX)
          .map((one) => resultOf({ ...one, file: inRepository(one.file, place) }, seen)),
      },
    ],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

function resultOf(
  { severity, rule, file, line, col, path, message, allowed, fix }: Diagnostic,
  seen: Map<string, number>,
) {
  const ruleId: Rule = severity === undefined ? 'mistake' : (rule ?? 'mistake')
  const sentence = [path === '' ? message : `${path}: ${message}`, allowed && `allowed: ${allowed}`, fix]
  // Numbers are left out: a rate that changes makes no new finding.
  const key = [ruleId, file, path.replace(/\[\d+\]/g, '[]'), message.replace(/\d+/g, '#')].join('\n')
  const nth = (seen.get(key) ?? 0) + 1
  seen.set(key, nth)
  return {
    ruleId,
    ruleIndex: RULE_IDS.indexOf(ruleId),
    level: severity ?? 'error',
    message: { text: safeForTerminal(sentence.filter(Boolean).join('; ')) },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file), uriBaseId: ROOT },
          region: { startLine: line, startColumn: col },
        },
      },
    ],
    partialFingerprints: { [FINGERPRINT]: `${digestOf(key)}:${nth}` },
  }
}

/** `scenarios/a%20b.yaml`: a relative reference whose segments mean nothing but names. */
function uriOf(file: string): string {
  return safeForTerminal(file).split('/').map(encodeURIComponent).join('/')
}

/** Sixteen hexadecimal digits. */
function digestOf(text: string): string {
  const word = (value: number) => (value >>> 0).toString(16).padStart(8, '0')
  return word(hashName(text)) + word(mix32(hashName(`${text}\n`)))
}
