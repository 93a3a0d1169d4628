// Adapters (LoRA and the like, as peft saves them) beside a model's weights: transformers attaches them when it loads the folder, so
// that the weights alone are another model. Reads no file.
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { InputError } from '../../schemas/errors.js';

const ADAPTER = 'adapter_config.json';

/** @throws InputError where the folder holds an adapter's configuration */
export async function refuseAdapter(folder: string): Promise<void> {
  const file = path.join(folder, ADAPTER);
  if ((await lstat(file).catch(() => null)) === null) return;
  throw new InputError(
    `Expected the weights of one whole model in "${folder}", found ${ADAPTER}: transformers attaches that adapter to the model, and it is not read here. Merge it into its model (merge_and_unload) and save that with save_pretrained; or remove ${ADAPTER} where the model without it is meant.`,
    { path: file },
  );
}
