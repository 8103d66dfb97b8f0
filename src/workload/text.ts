/**
 * The words of prompts and answers, made by faker and only where bytes are made. Faker writes a bank of sentences once
 * per kind, which takes some milliseconds; a prompt then draws sentences from the bank with its own Rng, which takes
 * microseconds. Everything is ASCII, so that characters are bytes, and 4 bytes are a token (promptTokens).
 *
 * The banks do not depend on the run's seed: which sentences a request gets, and in which order, does.
 */
import type { Faker } from '@faker-js/faker'
// One locale instead of all seventy: 25 ms of start-up instead of 170.
import { faker as english } from '@faker-js/faker/locale/en'
import { at, Rng } from '../base/index.ts'
import { promptBytes } from '../protocol/request.ts'

export const PROMPT_KINDS = ['short-chat', 'long-context', 'tool-use', 'structured-output'] as const
export type PromptKind = (typeof PROMPT_KINDS)[number]

/** ASCII text of exactly `promptBytes(tokens)` bytes that reads like a request of that kind. Draws from `rng`. */
export function promptText(rng: Rng, tokens: number, kind: PromptKind = 'short-chat'): string {
  const bytes = promptBytes(tokens)
  const { openings, sentences } = bankOf(kind)
  const parts = [at(openings, rng.below(openings.length))]
  for (let length = at(parts, 0).length; length < bytes;) {
    const sentence = at(sentences, rng.below(sentences.length))
    parts.push(sentence)
    length += sentence.length + 1
  }
  return parts.join(' ').slice(0, bytes)
}

/**
 * The words of one answer, addressed by token: `textOf(0, 2) + textOf(2, 3)` is `textOf(0, 5)`. 4 ASCII bytes per
 * token. An answer longer than the bank (8,000 tokens) begins to repeat itself. Draws once from `rng`.
 */
export function answerText(rng: Rng): (fromToken: number, tokens: number) => string {
  const { text, starts } = answers()
  const start = at(starts, rng.below(starts.length))
  return (fromToken, tokens) => {
    let left = promptBytes(tokens)
    let from = (start + promptBytes(fromToken)) % text.length
    let words = text.slice(from, from + left)
    for (left -= words.length; left > 0; left -= text.length) {
      from = 0
      words += text.slice(from, left)
    }
    return words
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The banks

const BANK_BYTES = 32_768

interface Bank {
  readonly openings: readonly string[]
  readonly sentences: readonly string[]
}

type Phrase = (faker: Faker) => string

interface Recipe {
  readonly openings: readonly string[]
  readonly phrases: readonly Phrase[]
}

const RECIPES: Readonly<Record<PromptKind, Recipe>> = {
  'short-chat': {
    openings: [
      'Hi, can you help me with something?',
      'I have a question about my order.',
      'What would you do in my place?',
      'Please explain this in simple words.',
    ],
    phrases: [
      (faker) =>
        `I bought the ${faker.commerce.productName()} from ${faker.company.name()} last ${faker.date.weekday()}.`,
      (faker) => `It should arrive in ${faker.location.city()} by ${faker.date.month()}, and it has not.`,
      (faker) => `Is ${faker.commerce.productName()} really worth ${faker.commerce.price()} dollars?`,
      (faker) => `My colleague ${faker.person.fullName()} says: ${faker.company.catchPhrase()}.`,
      (faker) => `Which wine goes with this: ${faker.food.description()}`,
      (faker) => `How far is ${faker.location.city()} from ${faker.location.city()}?`,
    ],
  },
  'long-context': {
    openings: [
      'Summarise the following report in five bullet points.',
      'Read these meeting notes and list every decision with its owner.',
      'Here is a long thread. What was agreed, and what is still open?',
      'Compare the statements below and point out contradictions.',
    ],
    phrases: [
      (faker) => `${faker.person.fullName()} of ${faker.company.name()} reported: ${faker.hacker.phrase()}`,
      (faker) => `The team in ${faker.location.city()} will ${faker.company.buzzPhrase()} until ${faker.date.month()}.`,
      (faker) => `${faker.commerce.productDescription()}.`,
      (faker) =>
        `Revenue from ${faker.commerce.productName()} was ${faker.finance.amount()} ${faker.finance.currencyCode()}.`,
      (faker) => `Objection by ${faker.person.fullName()}: ${faker.company.catchPhrase()} is not a plan.`,
      (faker) => `Log: ${faker.git.commitMessage()} (${faker.git.commitSha({ length: 7 })}).`,
    ],
  },
  'tool-use': {
    openings: [
      'Use the tools you have; do not guess.',
      'Look this up and then book it.',
      'Find out what is wrong with the deployment and fix it.',
      'Check the facts with a tool call before you answer.',
    ],
    phrases: [
      (faker) => `What is the weather in ${faker.location.city()} on ${faker.date.weekday()}?`,
      (faker) => `Find a flight from ${faker.airline.airport().iataCode} to ${faker.airline.airport().iataCode}.`,
      (faker) =>
        `Convert ${faker.finance.amount()} ${faker.finance.currencyCode()} to ${faker.finance.currencyCode()}.`,
      (faker) => `Open ${faker.system.filePath()} and look for "${faker.hacker.verb()}".`,
      (faker) => `Send ${faker.internet.exampleEmail()} the status of ticket ${faker.string.numeric(6)}.`,
      (faker) => `The build fails after "${faker.git.commitMessage()}" on branch ${faker.git.branch()}.`,
    ],
  },
  'structured-output': {
    openings: [
      'Extract the fields of the schema from the text below. Answer with JSON only.',
      'Turn this note into a record that matches the schema.',
      'Classify each line and return one JSON object.',
      'Fill in the form from this letter; use null where it says nothing.',
    ],
    phrases: [
      (faker) => `Name: ${faker.person.fullName()}, ${faker.person.jobTitle()} at ${faker.company.name()}.`,
      (faker) => `Address: ${faker.location.streetAddress()}, ${faker.location.zipCode()} ${faker.location.city()}.`,
      (faker) => `Invoice ${faker.string.numeric(8)}: ${faker.commerce.productName()}, ${faker.commerce.price()} USD.`,
      (faker) =>
        `Due ${faker.date.soon({ days: 90 }).toISOString().slice(0, 10)}, paid by ${faker.finance.transactionType()}.`,
      (faker) => `Contact: ${faker.internet.exampleEmail()} or ${faker.phone.number()}.`,
      (faker) => `Remark: ${faker.hacker.phrase()}`,
    ],
  },
}

const ANSWERS: readonly Phrase[] = [
  (faker) => `In short: ${faker.company.catchPhrase()}.`,
  (faker) => faker.hacker.phrase(),
  (faker) => `I would first ${faker.company.buzzPhrase()}, and then look at the ${faker.hacker.noun()} again.`,
  (faker) => `${faker.person.fullName()} described the same thing in ${faker.location.city()}.`,
  (faker) => `For example, ${faker.commerce.productName()} at ${faker.commerce.price()} dollars is a fair choice.`,
  (faker) => `That said, the ${faker.hacker.adjective()} ${faker.hacker.noun()} matters less than it seems.`,
]

const banks = new Map<PromptKind, Bank>()

function bankOf(kind: PromptKind): Bank {
  let bank = banks.get(kind)
  if (!bank) {
    const { openings, phrases } = RECIPES[kind]
    bank = { openings, sentences: write(kind, phrases) }
    banks.set(kind, bank)
  }
  return bank
}

let answerBank: { readonly text: string; readonly starts: readonly number[] } | null = null

/** The answers' bank as one text of whole tokens, and where its sentences begin. */
function answers(): NonNullable<typeof answerBank> {
  if (answerBank) return answerBank
  const starts: number[] = []
  let text = ''
  for (const sentence of write('answers', ANSWERS)) {
    if (text.length + sentence.length + 1 > BANK_BYTES) break
    starts.push(text.length)
    text += `${sentence} `
  }
  answerBank = { text: text.padEnd(BANK_BYTES, '.'), starts }
  return answerBank
}

/** At least BANK_BYTES of sentences, each phrase in turn. */
function write(name: string, phrases: readonly Phrase[]): string[] {
  const faker = fakerOf(Rng.fromSeed('squall text').named(name))
  const sentences: string[] = []
  for (let length = 0; length < BANK_BYTES;) {
    const phrase = at(phrases, sentences.length % phrases.length)
    const sentence = phrase(faker).replaceAll(NOT_PLAIN, '')
    sentences.push(sentence)
    length += sentence.length + 1
  }
  return sentences
}

const NOT_PLAIN = /[^\x20-\x7e]/g
/** Dates in texts are relative to this day, never to the clock. */
const REFERENCE_DATE = '2026-01-15T12:00:00Z'

/** A faker of our own, whose dice are keyed. The single-locale entry exports only an instance, so we ask it how. */
function fakerOf(rng: Rng): Faker {
  const English = english.constructor as typeof Faker
  const randomizer = { next: () => rng.next(), seed: () => undefined }
  const faker = new English({ locale: english.rawDefinitions, randomizer })
  faker.setDefaultRefDate(REFERENCE_DATE)
  return faker
}
