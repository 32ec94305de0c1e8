/* Links the core into a C program and lets it hold a conversation. */
int ossftp_no_std_check(void);

int main(void) {
    return ossftp_no_std_check();
}
