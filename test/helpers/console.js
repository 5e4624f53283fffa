// What modules in tests print with: the engine has no console.
export const console = { log: (text) => native.write(1, native.encode(`${text}\n`)) };
