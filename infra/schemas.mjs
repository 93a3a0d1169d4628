// `npm run schemas`: writes the JSON Schema of the run file from its zod schema, for editors.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, isMain, main } from './processes.mjs';
import { setUp } from './setup.mjs';

if (isMain(import.meta.url)) {
  await main(async () => {
    await setUp();
    const compiled = path.join(ROOT, 'dist', 'stages', 'run-file', 'json-schema.js');
    const { writeRunFileSchema } = await import(pathToFileURL(compiled).href);
    await writeRunFileSchema(path.join(ROOT, 'schemas', 'json-schema', 'run-file.schema.json'));
  });
}
