// Rows of cells as spreadsheets and files have them: tab-separated from the clipboard, CSV (RFC 4180) from files.

/** The rows of a text; cells in quotes may hold separators, quotes (doubled) and line ends. */
export function parse(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  const end = (): void => {
    row.push(cell);
    cell = "";
  };
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') cell += text[++at]!;
      else quoted = false;
    } else if (letter === '"' && cell === "") quoted = true;
    else if (letter === separator) end();
    else if (letter === "\n") {
      end();
      rows.push(row);
      row = [];
    } else if (letter !== "\r") cell += letter;
  }
  if (cell !== "" || row.length) {
    end();
    rows.push(row);
  }
  return rows;
}

/** The separator that the first line of a file uses: spreadsheets of many countries write semicolons. */
export function separatorOf(text: string): string {
  const line = text.split("\n", 1)[0]!;
  const counts = [",", ";", "\t"].map((each): [string, number] => [each, line.split(each).length]);
  return counts.reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

// A cell that a spreadsheet would take for a formula is only text here; plain numbers stay numbers.
const cell = (text: string): string => {
  const safe = /^[=@\t\r]|^[-+](?![\d.,]*\d$)/.test(text) ? `'${text}` : text;
  return /[",;\n\r\t]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

export const csv = (rows: string[][]): string => rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";

/** What :func:`csv` put before texts that look like formulas is taken away again. */
export const unguarded = (text: string): string => (/^'[=@+\-\t\r]/.test(text) ? text.slice(1) : text);

/** Hand somebody a file. */
export function download(name: string, text: string, type = "text/csv;charset=utf-8"): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Ask for a file and read it as text. */
export function upload(accept: string, most = 8 << 20): Promise<string | undefined> {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = accept;
  return new Promise((done) => {
    input.addEventListener("cancel", () => done(undefined));
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      done(file && file.size <= most ? file.text() : undefined);
    });
    input.click();
  });
}
