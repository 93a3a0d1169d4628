// `assay model generate`: texts continued by a model, and beside it by the edited one.
import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import type { TokenDecoder } from '../../core/corpus/tokenizer/token-decoder.js';
import type { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import type { ChosenToken, Continuation, GenerateOptions, Generated } from '../../models/generation/generate.js';
import { modelGenerateDocument } from '../../schemas/documents/models.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { generatedText, type ShownText } from '../render/generate-text.js';
import { openTokenizer } from './model-rows.js';

interface ModelGenerateOptions {
  readonly file: string;
  readonly text: readonly string[];
  readonly tokens: number;
  readonly tokenizer?: string;
  readonly prepend?: string;
  readonly positions?: number;
  readonly seed?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly edit: readonly string[];
}

type Document = z.infer<typeof modelGenerateDocument>;

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const DEFAULT_TOKENS = 32;
const LARGEST_SEED = 2 ** 32 - 1;

export const generateText = defineCommand({
  arguments: '<file>',
  description: 'continue texts with a model, and beside it with the edited one',
  examples: [
    ['assay model generate model.onnx --text "And it came to pass" --tokens 24', 'the most likely token each time'],
    [
      'assay model generate model.onnx --text "And it came to pass" --edit "kjv/l2#77=set:8"',
      'with and without feature 77 of dictionary kjv/l2 held at 8, side by side',
    ],
    [
      'assay model generate my/exported --text "In the beginning" --text "And God said" --seed 7 --temperature 0.8 --top-k 40 --json',
      'drawn, the same for the same seed; with the probability of every token',
    ],
  ],
  options: (command) => {
    const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];
    command
      .requiredOption('--text <text>', 'a text to continue; repeatable; - for standard input', collect)
      .addOption(new Option('--tokens <n>', 'tokens to add at most').argParser(wholeNumber(1)).default(DEFAULT_TOKENS))
      .addOption(
        new Option(
          '--edit <edit>',
          'a change at a site or of a feature, as RUN/DICT#77=set:8; repeatable; "Edits" in docs/cli.md has them all',
        )
          .argParser(collect)
          .default([], 'none'),
      )
      .option('--seed <n>', 'draw tokens instead of taking the most likely; default 0 where another option draws', seed)
      .option('--temperature <t>', 'draw with probabilities p^(1/t); default 1', temperature)
      .option('--top-k <n>', 'draw among the n most likely tokens; default all', wholeNumber(1))
      .option('--prepend <token>', 'token (text or id) before every text; default none')
      .option('--tokenizer <file>', 'tokenizer.json; default the one in the folder of the model')
      .option('--positions <n>', "first position's number, for a model that takes positions", wholeNumber(0));
  },
  request: ([file], flags: Omit<ModelGenerateOptions, 'file'>) => ({ ...flags, file }),
  run: runGenerate,
});

async function runGenerate(options: ModelGenerateOptions, context: CommandContext): Promise<number> {
  const { generate } = await import('../../models/generation/generate.js');
  const { parseEdit } = await import('../../models/edit-grammar.js');
  const { commandDictionaries } = await import('../orchestration/named-dictionaries.js');
  const { io, output } = context;
  const edits = options.edit.map(parseEdit);
  const { tokenizer, texts, ids } = await readTexts(options, context);
  const sampling = samplingOf(options);
  const stream = streamed(context, { tokenizer, texts, edited: edits.length > 0 });
  const request: GenerateOptions = {
    ...{ texts: ids, tokens: options.tokens, sampling, positionStart: options.positions, engine: ENGINE },
    signal: io.signal,
    edits: {
      list: edits,
      folder: io.cwd,
      where: (edit) => `--edit "${options.edit[edit] ?? ''}"`,
      dictionary: commandDictionaries(context),
    },
    onToken: stream,
  };
  const file = resolve(io.cwd, options.file);
  const generated = await generate(file, request);
  const document = documentOf(generated, { file, tokenizer, texts, ids, sampling });
  output.result(modelGenerateDocument, document, () => generatedText(document.texts, document.contextTokens));
  const { chosen, seconds } = generated;
  output.note(
    `${chosen} tokens in ${seconds.toFixed(1)} s (${(chosen / Math.max(seconds, 1e-3)).toFixed(0)} per second)`,
  );
  return EXIT.done;
}

async function readTexts(
  options: ModelGenerateOptions,
  { io }: CommandContext,
): Promise<{ readonly tokenizer: Tokenizer; readonly texts: readonly string[]; readonly ids: readonly number[][] }> {
  if (options.text.filter((text) => text === '-').length > 1)
    throw new InputError('Expected standard input (-) for one --text, got it for several; give the others as texts.');
  const { tokenizer, json } = await openTokenizer(options, io);
  const before = options.prepend === undefined ? null : await prependedId(options.prepend, { tokenizer, json });
  const texts: string[] = [];
  for (const text of options.text) texts.push(text === '-' ? (await io.stdin()).replace(/\r?\n$/, '') : text);
  const ids = texts.map((text) => [
    ...(before === null ? [] : [before]),
    ...io.blocking(() => tokenizer.encode(text)).ids,
  ]);
  const empty = ids.findIndex((own) => own.length === 0);
  if (empty < 0) return { tokenizer, texts, ids };
  throw new InputError(
    'Expected a text with at least one token in --text, found none; give some words, or --prepend.',
    {
      text: empty,
    },
  );
}

/** A token's text first: a tokenizer may have one that is a number. */
async function prependedId(
  given: string,
  { tokenizer, json }: { readonly tokenizer: Tokenizer; readonly json: Uint8Array },
): Promise<number | null> {
  const { summariseTokenizer } = await import('../../core/corpus/tokenizer/summary.js');
  const isNumber = /^\d+$/.test(given) && tokenizer.idOf(given) === undefined;
  return summariseTokenizer(json, isNumber ? Number(given) : given, '--prepend').prependId;
}

function samplingOf({ seed: given, temperature: t, topK }: ModelGenerateOptions): Document['sampling'] {
  if (given === undefined && t === undefined && topK === undefined) return null;
  return { seed: given ?? 0, temperature: t ?? 1, topK: topK ?? null };
}

/** On a terminal that can, texts as they grow. */
function streamed(
  { output, io }: CommandContext,
  {
    tokenizer,
    texts,
    edited,
  }: { readonly tokenizer: Tokenizer; readonly texts: readonly string[]; readonly edited: boolean },
): (token: ChosenToken) => void {
  if (output.json || !io.stdout.live) return () => undefined;
  const shown = texts.map((given): ShownText => ({ given, plain: null, edited: null }));
  const decoders = new Map<string, TokenDecoder>();
  return ({ text, variant, id }) => {
    const key = `${text} ${variant}`;
    const decoder = decoders.get(key) ?? tokenizer.decoder();
    decoders.set(key, decoder);
    const before = shown[text] as ShownText;
    const grown = `${before[variant]?.text ?? ''}${decoder.push(id)}`;
    shown[text] = { ...before, [variant]: { text: grown, stop: null } };
    const begun = shown.filter(({ plain }) => plain !== null);
    output.redraw(generatedText(edited ? begun.map((one) => ({ ...one, edited: one.edited ?? EMPTY })) : begun, null));
  };
}

const EMPTY = { text: '', stop: null };

interface Around {
  readonly file: string;
  readonly tokenizer: Tokenizer;
  readonly texts: readonly string[];
  readonly ids: readonly (readonly number[])[];
  readonly sampling: Document['sampling'];
}

function documentOf(generated: Generated, { file, tokenizer, texts, ids, sampling }: Around): Document {
  const continued = ({ tokens, stop }: Continuation): Document['texts'][number]['plain'] => {
    const decoder = tokenizer.decoder();
    const own = tokens.map(({ id }) => id);
    const spelt = tokenizer.textsOf(own);
    return {
      text: own.map((id) => decoder.push(id)).join('') + decoder.end(),
      stop,
      tokens: tokens.map(({ id, plain, edited }, i) => ({ id, token: spelt[i] ?? null, p: { plain, edited } })),
    };
  };
  const { base, edits } = generated.model;
  return {
    model: file,
    reference: { base, edits: edits.map((edit) => ({ ...edit })) },
    sampling,
    contextTokens: generated.contextTokens,
    texts: generated.texts.map(({ plain, edited }, i) => ({
      given: texts[i] ?? '',
      ids: [...(ids[i] ?? [])],
      plain: continued(plain),
      edited: edited && continued(edited),
    })),
  };
}

function seed(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= LARGEST_SEED) return value;
  throw new InvalidArgumentError(`Expected a whole number from 0 to ${LARGEST_SEED}.`);
}

function temperature(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError(
    'Expected a number above 0; leave --seed, --temperature and --top-k out for the most likely token.',
  );
}
