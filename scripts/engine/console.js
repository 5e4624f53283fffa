// console.log for modules that run by themselves: the engine has no console.
export const console = { log: (text) => native.write(1, native.encode(`${text}\n`)) };
