// The number of a feature on a command line.
import { InvalidArgumentError } from 'commander';
import { InputError } from '../schemas/errors.js';
import { wholeNumber } from './command.js';

/** @throws InputError for what is no number from 0 */
export function featureNumber(text: string): number {
  try {
    return wholeNumber(0)(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InputError(`Expected the number of a feature, found "${text}"; features count from 0.`, {
      feature: text,
    });
  }
}
