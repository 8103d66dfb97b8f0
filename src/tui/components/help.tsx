/**
 * The help: keys, columns and signs, over everything but header and footer.
 */
import type { ReactNode } from 'react'
import { Line } from './line.tsx'
import { useLook, type Look } from './look.ts'
import { Panel, PANEL_FRAME } from './panel.tsx'

interface HelpProps {
  readonly columns: number
  /** Lines inside the panel. */
  readonly rows: number
}

export function Help({ columns, rows }: HelpProps): ReactNode {
  const look = useLook()
  const inner = columns - PANEL_FRAME
  return (
    <Panel title="help" width={columns} height={rows}>
      {linesFor(look)
        .slice(0, rows)
        .map(([key, text], index) => (
          <Line key={index} width={inner} cells={[{ text: key, width: 14, color: 'cyan' }, { text }]} />
        ))}
    </Panel>
  )
}

function linesFor({ marks, spark }: Look): (readonly [key: string, text: string])[] {
  return [
    ['p, space', 'pause and resume'],
    ['+ and -', 'faster and slower (also → and ←)'],
    ['↑ and ↓', 'choose a provider (also k and j)'],
    ['b', 'break the chosen provider by hand'],
    ['h', 'heal it'],
    ['q, Ctrl-C', 'end the run and write the report'],
    ['', ''],
    ['success, ok', 'share that ended well, over the last 10 s'],
    ['fallback', 'share tried at another endpoint than the first, last 10 s'],
    ['cost drift', 'cost per good answer, against the same run without faults'],
    ['TTFT, ttft', 'time to first token, last 10 s: p95 above, p50 in the table'],
    ['share, busy', 'part of all attempts in the last 10 s; attempts in flight'],
    [`${spark[0]}${spark[3]}${spark.at(-1)}`, 'one glyph a second, the newest at the right; 0–10%: its scale'],
    ['', ''],
    [
      `${marks.pass} ${marks.fail} ${marks.inconclusive} ${marks.pending}`,
      'gate passes, fails, cannot tell, has too little yet',
    ],
    ['OPEN', 'the breaker sends nothing until the time shown is over'],
    ['cooling', 'the provider asked for a pause (429), or is being spared'],
    ['ejected', 'the endpoint does worse than its peers, and is left out for a while'],
  ]
}
