// What a user's name for an output of a model stands for: `logits` by the one rule (core/hooks/model-outputs.ts), any other
// output by its own name. Never takes another output where the named one is not certain.
import type { ModelOutputs } from '../core/hooks/model-outputs.js';
import { InputError } from '../schemas/errors.js';

/** A name as given, and the output that it stands for. */
export interface NamedOutput {
  readonly name: string;
  readonly tensor: string;
}

interface Outputs {
  /** Names of all outputs, in the file's order. */
  readonly outputs: readonly string[];
  readonly results: ModelOutputs;
}

const LOGITS = 'logits';

/** The output that a name stands for; null where it is none. @throws InputError for `logits` where no output is it for certain */
export function outputNamed(name: string, { outputs, results }: Outputs): string | null {
  if (outputs.includes(name)) return name;
  if (name !== LOGITS) return null;
  if (results.logits !== null) return results.logits;
  throw new InputError(
    `Expected an output with the model's logits, found none that is certain among ${outputs.join(', ')}: ` +
      `none is called "logits", and not exactly one that the whole model leads to has a number per token of the vocabulary. Give the name of the output that you mean, e.g. ${results.result}.`,
    { outputs },
  );
}

/** The names of sites, and the outputs, among what a user wants of a run. @throws as outputNamed */
export function splitHooks(
  wanted: readonly string[],
  model: Outputs,
): { readonly hooks: readonly string[]; readonly outputs: readonly NamedOutput[] } {
  const named = new Map(wanted.map((name) => [name, outputNamed(name, model)]));
  const outputs = [...named].flatMap(([name, tensor]) => (tensor === null ? [] : [{ name, tensor }]));
  return { hooks: wanted.filter((name) => named.get(name) === null), outputs };
}
