// Where the fixtures of tests/fixtures lie (its README says what each is), and the names of the models among them.
import path from 'node:path';
import { packageRoot } from '../../runtime/package-root.js';

export const FIXTURES = path.join(packageRoot(), 'tests', 'fixtures');

/** Models on which the product once failed, with PyTorch's values beside them. */
export const MODEL_CASES = path.join(packageRoot(), 'tests', 'cases', 'model');
/** Small models as two exporters write them: `NAME.EXPORTER.onnx`, beside `NAME.reference.safetensors`. */
export const EXPORTS = path.join(FIXTURES, 'exports');
/** One model of each of many architectures. */
export const FAMILIES = path.join(FIXTURES, 'families');
/** Models as folders of config.json and safetensors. */
export const FOLDERS = path.join(FIXTURES, 'folders');
/** Recorded trainings of dictionaries. */
export const SAE = path.join(FIXTURES, 'sae');
/** The trained small language model with its corpus. */
export const TINY_LM = path.join(FIXTURES, 'tiny-lm');
export const TOKENIZER = path.join(TINY_LM, 'tokenizer.json');

/** Architectures in `EXPORTS`. */
export const EXPORTED = ['gpt2', 'neox', 'llama', 'gemma2', 'bert'] as const;
/** Exporters that each of them went through. */
export const EXPORTERS = ['dynamo', 'legacy'] as const;
/** The two files of each model in `EXPORTS`. */
export const EXPORTED_FILES: readonly string[] = EXPORTED.flatMap((name) =>
  EXPORTERS.map((exporter) => `${name}.${exporter}.onnx`),
);
/** The two exports in `TINY_LM`. */
export const TINY_FILES = ['model.onnx', 'model.legacy.onnx'] as const;
/** Paths of all of these. */
export const MODEL_FILES: readonly string[] = [
  ...EXPORTED_FILES.map((file) => path.join(EXPORTS, file)),
  ...TINY_FILES.map((file) => path.join(TINY_LM, file)),
];
