/** loopback reads nothing of its configuration but what all plugins read. */
export default (): void => undefined;
