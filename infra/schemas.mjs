// `npm run schemas`: writes the JSON Schemas of the run file and the training file from their zod schemas, for editors.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, isMain, main } from './processes.mjs';
import { setUp } from './setup.mjs';

if (isMain(import.meta.url)) {
  const does = 'Writes the JSON Schemas of the run file and the training file into schemas/json-schema.';
  await main({ command: 'npm run schemas', does }, async () => {
    await setUp();
    const compiled = (name) => import(pathToFileURL(path.join(ROOT, 'dist', 'pipeline', 'files', name)).href);
    const { runFileJsonSchema, writeJsonSchema } = await compiled('json-schema.js');
    const { trainingFileJsonSchema } = await compiled('training-file.js');
    const file = (name) => path.join(ROOT, 'schemas', 'json-schema', `${name}.schema.json`);
    await writeJsonSchema(file('run-file'), runFileJsonSchema());
    await writeJsonSchema(file('training-file'), trainingFileJsonSchema());
  });
}
