// Rows as the one JSON document of `assay sql --json`, a row per line; values by the rule of core/text/exact-json.ts.
import { exactJson } from '../../../core/text/exact-json.js';
import { exactDuckValue } from '../exact-values.js';
import { rowsOf } from '../select.js';
import type { RowFormat } from './format.js';

/** `{"columns": …, "rows": …, "coverage": …}` (schemas/documents: sqlDocument). */
export function createJsonFormat(): RowFormat {
  let before = '\n';
  return {
    begin: ({ columns }) => [`{"columns":${exactJson(columns)},"rows":[`],
    rows: function* (chunk) {
      for (const row of rowsOf(chunk)) {
        yield before + exactJson(row.map(exactDuckValue));
        before = ',\n';
      }
    },
    end: ({ coverage }) => [`${before === '\n' ? '' : '\n'}],"coverage":${exactJson(coverage)}}\n`],
  };
}
