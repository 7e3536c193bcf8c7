import styles from './Footer.module.css'

export function Footer() {
  return (
    <footer className={styles.footer}>
      <span>Not a medical device. Not for emergency monitoring.</span>
      <span>vitalstream, remote patient monitoring</span>
    </footer>
  )
}
