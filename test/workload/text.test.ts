/** The words of prompts and answers: exact sizes, stable pieces, plain characters, and nothing but the key decides. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import { leaksToolCall, promptBytes, promptTokens } from '../../src/protocol/index.ts'
import { answerText, PROMPT_KINDS, promptText } from '../../src/workload/text.ts'

const FIXED = { seed: 7, numRuns: 200 }
const dice = (name: string) => Rng.fromSeed(7).named(name)
const PLAIN = /^[\x20-\x7e]*$/

describe('promptText', () => {
  test('text: a prompt of any kind and size, has exactly its bytes and reads as that many tokens', () => {
    const kinds = fc.constantFrom(...PROMPT_KINDS)
    fc.assert(
      fc.property(kinds, fc.nat({ max: 5000 }), fc.integer(), (kind, tokens, seed) => {
        const text = promptText(Rng.fromSeed(seed), tokens, kind)
        expect(text).toMatch(PLAIN)
        expect(text.length).toBe(promptBytes(tokens))
        expect(promptTokens(text.length)).toBe(tokens)
      }),
      FIXED,
    )
  })

  test('text: a very long prompt, is made at once', () => {
    const text = promptText(dice('long'), 100_000, 'long-context')
    expect(text.length).toBe(400_000)
    expect(new Set(text.split('. ')).size, 'and it is no endless repetition').toBeGreaterThan(200)
  })

  test('text: the same key, gives the same words; another key, gives others', () => {
    expect(promptText(dice('a'), 300)).toBe(promptText(dice('a'), 300))
    expect(promptText(dice('a'), 300)).not.toBe(promptText(dice('b'), 300))
  })

  test('text: a longer prompt of the same key, begins with the shorter', () => {
    expect(promptText(dice('a'), 300).startsWith(promptText(dice('a'), 80))).toBe(true)
  })

  test('text: the kinds, read differently', () => {
    expect(PROMPT_KINDS.map((kind) => promptText(dice('kinds'), 40, kind))).toMatchInlineSnapshot(`
      [
        "What would you do in my place? I bought the Unbranded Silk Cheese from Boehm, Gislason and Hauck last Tuesday. My colleague James Bosco says: Secured maximized ",
        "Here is a long thread. What was agreed, and what is still open? Log: connect neural matrix (35da3f1). Revenue from Fantastic Bronze Bike was 137.68 TND. Shea Wi",
        "Find out what is wrong with the deployment and fix it. Send Laura.Paucek@example.net the status of ticket 638117. Open /bin/above_hurtful_whoa.mp4v and look for",
        "Classify each line and return one JSON object. Invoice 89366033: Awesome Plastic Bike, 184.99 USD. Due 2026-04-03, paid by withdrawal. Contact: Stephanie_Smith@",
      ]
    `)
  })
})

describe('answerText', () => {
  test('text: an answer however chopped, is the same and has 4 bytes per token', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 3000 }), { maxLength: 12 }), fc.integer(), (sizes, seed) => {
        const textOf = answerText(Rng.fromSeed(seed))
        let from = 0
        let joined = ''
        for (const size of sizes) {
          joined += textOf(from, size)
          from += size
        }
        expect(joined.length).toBe(promptBytes(from))
        expect(joined).toBe(textOf(0, from))
      }),
      FIXED,
    )
  })

  test('text: an answer longer than the bank, goes on', () => {
    const textOf = answerText(dice('endless'))
    expect(textOf(0, 50_000).length).toBe(200_000)
    expect(textOf(49_000, 1000)).toBe(textOf(0, 50_000).slice(196_000))
  })

  test('text: answers, are plain characters and leak no tool call', () => {
    const text = answerText(dice('plain'))(0, 8192)
    expect(text).toMatch(PLAIN)
    expect(leaksToolCall(text)).toBe(false)
  })

  test('text: different keys, begin at different places', () => {
    const openings = Array.from({ length: 50 }, (_, index) => answerText(Rng.fromSeed(index))(0, 20))
    expect(new Set(openings).size).toBeGreaterThan(40)
  })
})
