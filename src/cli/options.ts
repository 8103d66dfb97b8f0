/** Values of options, read strictly; what is wrong is said in the words of the option. */
import { InvalidArgumentError, type Command } from 'commander'

/** A whole number, ends included. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`Allowed: a whole number from ${min} to ${max}.`)
  }
}

/** An option that may be given again: all of its values, in order. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

/** A factor such as `3`, `0.5` or `20x`, ends included. */
export function factor(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}(\.\d{1,6})?[x×]?$/.test(text) ? Number.parseFloat(text) : NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`Allowed: a factor from ${min} to ${max}, like 3x.`)
  }
}

/** For `--github` and `--no-github`; without either, the environment says. */
export function withGithub(command: Command): Command {
  return command
    .option('--github', 'print annotations, and write the summary of the step (default: where GITHUB_ACTIONS is true)')
    .option('--no-github', 'do not')
}
