/**
 * cli: the command `squall`. Arguments, environment, files, processes, terminals and exit codes: the one room that
 * touches all of these. main() reads the arguments and hands over to one file of commands/; what it returns is the exit
 * code (exit.ts has the table). Everything a command prints goes through the Shell it is given.
 * It may import every room, and no other room imports it. It never decides anything about a run but when it begins.
 */
import { Command, CommanderError, Option } from 'commander'
import { COMMANDS } from './commands/index.ts'
import type { Action } from './commands/_command.ts'
import { Breakdown, EXIT, Failure, systemMessage } from './exit.ts'
import { COLOR_CHOICES, Shell, type ColorChoice, type Surroundings } from './shell.ts'
import { VERSION } from './version.ts'

const COMMANDER_FINE = new Set(['commander.helpDisplayed', 'commander.version'])

/** Read the arguments and do what they say. Resolves with the exit code; never rejects. */
export async function main(argv: readonly string[], around: Surroundings = ownSurroundings()): Promise<number> {
  let shell = new Shell(around)
  let exitCode: number = EXIT.ok
  const program = new Command('squall')
  const act = async (action: Action): Promise<void> => {
    shell = new Shell(around, program.opts<{ ascii?: boolean; color: ColorChoice }>())
    exitCode = await action(shell)
  }
  try {
    setUp(program, around)
    for (const command of COMMANDS) command.register(program, act)
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return COMMANDER_FINE.has(error.code) ? EXIT.ok : EXIT.usage
    if (error instanceof Failure) {
      shell.err(error.message.includes('\n') ? error.message : shell.paint('red', error.message, 'stderr'))
      return error.exitCode
    }
    shell.err(bugReport(error, argv))
    return EXIT.bug
  }
}

/** Commander itself writes help and usage errors; the commands inherit all of this. */
function setUp(program: Command, { stdout, stderr }: Surroundings): void {
  program
    .description('Proves how an LLM routing policy behaves when its providers do not.')
    .version(`squall ${VERSION}`, '-V, --version', 'print the version')
    .option('--ascii', 'use ASCII characters only')
    .addOption(new Option('--color <when>', 'use colours').choices(COLOR_CHOICES).default('auto'))
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 80,
      outputError: (text, write) => write(text.replace(UNKNOWN_CHOICE, "error: there is no $2 '$1'; allowed: ")),
      getErrHelpWidth: () => stderr.columns ?? 80,
    })
    .showHelpAfterError('(add --help for the options and examples)')
    .exitOverride()
    .addHelpText('after', EXAMPLES)
}

/** Commander's words for an argument that is none of its choices. */
const UNKNOWN_CHOICE = /^error: command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are /

const EXAMPLES = `
Examples:
  squall init                                                   begin with an example
  squall run                                                    every scenario, in virtual time
  squall run scenarios/primary-outage.yaml --pace 20x           one of them, watched
  squall run scenarios/primary-outage.yaml --clock live         the same over real sockets
  squall explain reports/<run> support-chat/17                  one request, step by step

Exit codes: 0 as expected, 1 a gate failed, 2 invalid, 3 inconclusive, 4 nothing selected, 5 could not run, 70 our bug`

function bugReport(error: unknown, argv: readonly string[]): string {
  const cause = error instanceof Breakdown ? error.cause : error
  const stack = cause instanceof Error ? (cause.stack ?? `${cause.name}: ${cause.message}`) : String(cause)
  return [
    `squall ${VERSION} broke. This is a bug of Squall, not of your scenario or of a provider.`,
    stack,
    ...(error instanceof Breakdown ? error.circumstances : []),
    `Please report these lines, the scenario with its fleet and policies, and: squall ${argv.join(' ')}`,
    `(squall ${VERSION}, Node ${process.versions.node}, ${process.platform} ${process.arch})`,
  ].join('\n')
}

/** Those of this process, for as long as it lives: a reader or a terminal that goes away is not an error. */
function ownSurroundings(): Surroundings {
  const { stdout, stderr, stdin, env } = process
  process.stderr.on('error', () => {})
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'EIO') return
    process.stderr.write(`what was found could not be printed: ${systemMessage(error)}\n`)
    process.exit(EXIT.cannot)
  })
  process.on('uncaughtException', (error) => {
    new Shell({ stdout, stderr, stdin, env, cwd: process.cwd() }).err(bugReport(error, process.argv.slice(2)))
    process.exit(EXIT.bug)
  })
  return { stdout, stderr, stdin, env, cwd: process.cwd() }
}
