/** How many files a message has at most. */
export const mostFiles = 10
