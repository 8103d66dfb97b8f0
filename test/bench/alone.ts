/**
 * One side of a ratio in a process of its own, so that nothing else has taught the engine otherwise: plays the JSON run
 * (`json`), the same without gates (`ungated`) or without any measuring
 * (`unjudged`), or the reference loop (`reference`) until it is warm, then so many
 * requests, and prints the CPU time of a request in ns.
 *
 *   node test/bench/alone.ts json 2000000
 */
import type { Side } from './pairs.ts'
import { referenceLoop } from './reference-loop.ts'
import { cpuOf, play, referenceTraffic, scenarioOf, type Traffic } from './traffic.ts'

/** Past this the engine has made up its mind, on either side. */
const WARM_UP_REQUESTS = 600_000
const TRAFFIC: Traffic = { requests: 200_000, stream: '0%', hasOutage: false }

const [side, wanted] = process.argv.slice(2)
const compiled = scenarioOf(TRAFFIC)
const reference = referenceTraffic(TRAFFIC)
const SIDES: Record<Side, () => number> = {
  json: () => play(compiled),
  ungated: () => play({ ...compiled, gates: [] }),
  unjudged: () => play(compiled, { isJudged: false }),
  reference: () => referenceLoop(reference).requests,
}
const once = SIDES[side as Side]

function playAtLeast(requests: number): number {
  let played = 0
  while (played < requests) played += once()
  return played
}

playAtLeast(WARM_UP_REQUESTS)
let played = 0
const cpu = cpuOf(() => (played = playAtLeast(Number(wanted))))
console.log(cpu / played)
